/** Ends one thing after the other, though some cannot be ended: what stays open keeps a process alive. */
export async function endEach(...ends: readonly (() => unknown)[]): Promise<void> {
  for (const end of ends) await Promise.resolve().then(end).catch(nothing);
}

function nothing(): void {}
