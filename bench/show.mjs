export const round = (value) => Math.round(value * 100) / 100;

/** Prints rows under a title, each by what `columns` makes of it. */
export function showTable(title, rows, columns) {
  console.log(`\n${title}`);
  console.table(rows.map(columns));
}

export function showBounds(bounds) {
  showTable('Bounds', bounds, ({ what, value, atMost }) => ({
    '': what,
    value: round(value),
    'at most': atMost,
    '-': value <= atMost ? 'holds' : 'MISSED',
  }));
}
