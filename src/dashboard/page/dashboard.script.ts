// More than 250 lines: the script of the page as one text: the page is sent without a build step.
/**
 * Script of the page. It writes all data as text, never as HTML; it listens to server-sent events, and asks every few
 * seconds where there is no room for another listener.
 */
export const DASHBOARD_SCRIPT = String.raw`'use strict';
const meta = (name) => document.querySelector('meta[name="' + name + '"]').content;
const base = meta('forge-base');
const byId = (id) => document.getElementById(id);
const cards = new Map();
let state;
let skewMs = 0;

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function drawing(tag, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return seconds + ' s';
  if (seconds < 3600) return Math.floor(seconds / 60) + ' min ' + (seconds % 60) + ' s';
  if (seconds < 172800) return Math.floor(seconds / 3600) + ' h ' + Math.floor((seconds % 3600) / 60) + ' min';
  return Math.floor(seconds / 86400) + ' days';
}

const now = () => Date.now() + skewMs;
const ago = (at) => duration(now() - at) + ' ago';
const words = (text) => String(text).replaceAll('_', ' ');
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function healthOf(service) {
  const token = service.token;
  if (service.circuit === 'open') return ['bad', 'circuit open'];
  const failing = token && token.lastFailure && !token.lastFailure.recovered;
  if (failing && !token.held) return ['bad', 'no token'];
  if (failing) return ['warn', 'cannot be renewed'];
  if (service.circuit === 'half-open') return ['warn', 'circuit half open'];
  if (token && !token.held) return ['soft', 'no token yet'];
  return ['good', token ? 'token in use' : 'no token needed'];
}

function facts(service) {
  const token = service.token || {};
  const list = [];
  if (service.origin) list.push(['Origin', service.origin]);
  if (token.fingerprint) list.push(['Token', '…' + token.fingerprint]);
  if (token.obtainedAt) list.push(['Obtained', ago(token.obtainedAt)]);
  if (token.lastRenewal) {
    const { at, cause, grant, shared } = token.lastRenewal;
    list.push(['Last renewal', ago(at) + ', ' + words(cause) + ', ' + words(grant) + (shared ? ', by another process' : '')]);
  }
  if (token.lastFailure) {
    const { at, code, recovered } = token.lastFailure;
    list.push(['Last failure', ago(at) + (code ? ', ' + code : '') + (recovered ? ' (recovered)' : '')]);
  }
  if (token.backoffUntil > now()) list.push(['Held back for', duration(token.backoffUntil - now())]);
  if (token.rejections) list.push(['Rejections', String(token.rejections)]);
  if (service.circuit) list.push(['Circuit', service.circuit]);
  return list;
}

function plot(history) {
  const svg = drawing('svg', { class: 'plot', viewBox: '0 0 240 36', preserveAspectRatio: 'none', role: 'img' });
  const highest = Math.max(1, ...history.renewals, ...history.failures);
  svg.append(drawing('title', {}, 'Last hour: ' + sum(history.renewals) + ' renewals, ' + sum(history.failures) + ' failures'));
  svg.append(drawing('line', { class: 'axis', x1: 0, x2: 240, y1: 18, y2: 18 }));
  history.renewals.forEach((count, index) => {
    const height = (count / highest) * 16;
    if (count > 0) svg.append(drawing('rect', { class: 'renewals', x: index * 4, y: 18 - height, width: 3, height }));
  });
  history.failures.forEach((count, index) => {
    const height = (count / highest) * 16;
    if (count > 0) svg.append(drawing('rect', { class: 'failures', x: index * 4, y: 19, width: 3, height }));
  });
  return svg;
}

function picture(pipeline) {
  const depth = new Map();
  const byName = new Map(pipeline.steps.map((step) => [step.name, step]));
  const depthOf = (name) => {
    if (depth.has(name)) return depth.get(name);
    depth.set(name, 0);
    const step = byName.get(name);
    const found = step ? Math.max(-1, ...step.dependsOn.map(depthOf)) + 1 : 0;
    depth.set(name, found);
    return found;
  };
  const columns = [];
  for (const step of pipeline.steps) (columns[depthOf(step.name)] ||= []).push(step);
  const rows = Math.max(...columns.map((column) => column.length));
  const svg = drawing('svg', { viewBox: '0 0 ' + columns.length * 150 + ' ' + rows * 44, role: 'img' });
  svg.append(drawing('title', {}, 'Pipeline: ' + pipeline.steps.map((step) => step.name + (step.cached ? ', cached' : step.lastError ? ', failed' : ', not cached')).join('; ')));
  const place = new Map();
  columns.forEach((column, x) => column.forEach((step, y) => place.set(step.name, [x * 150 + 4, y * 44 + 6])));
  for (const step of pipeline.steps) {
    const [x, y] = place.get(step.name);
    for (const parent of step.dependsOn) {
      const from = place.get(parent);
      if (from) svg.append(drawing('line', { class: 'edge', x1: from[0] + 130, y1: from[1] + 15, x2: x, y2: y + 15 }));
    }
    const kind = step.cached ? ' cached' : step.lastError ? ' failed' : '';
    svg.append(drawing('rect', { class: 'step' + kind, x, y, width: 130, height: 30, rx: 6 }));
    const name = step.name.length > 17 ? step.name.slice(0, 16) + '…' : step.name;
    svg.append(drawing('text', { x: x + 8, y: y + 19 }, name));
  }
  return svg;
}

/** Answers the question that stands in the dialog. */
let answer;

function confirmed(question) {
  const dialog = byId('confirm');
  answer?.(false);
  byId('confirm-question').textContent = question;
  dialog.returnValue = 'cancel';
  dialog.showModal();
  return new Promise((resolve) => (answer = resolve));
}

// The event comes a while after the dialog has closed, and the next question may stand in it by then.
byId('confirm').addEventListener('close', ({ target }) => {
  if (!target.open) answer?.(target.returnValue === 'confirm');
});

const ACTIONS = {
  renew: ['Renew', (name) => 'Obtain a new token for ' + name + ' now?', 'renewed'],
  invalidate: ['Invalidate', (name) => 'Drop the token of ' + name + '? The next call obtains a new one.', 'invalidated'],
  'warm-up': ['Warm up', (name) => 'Obtain a token for ' + name + ' if there is none?', 'warmed up'],
};

async function act(name, action) {
  const [, question, done] = ACTIONS[action];
  if (!(await confirmed(question(name)))) return;
  const result = byId('result');
  result.textContent = name + ' …';
  try {
    const response = await fetch(base + '/services/' + encodeURIComponent(name) + '/' + action, {
      method: 'POST',
      headers: { 'X-CSRF-Token': meta('forge-csrf') },
    });
    const { outcome, code, error } = await response.json();
    result.textContent = outcome === 'done' ? name + ': ' + done + '.' : name + ': failed (' + (code || error || outcome) + ').';
  } catch {
    result.textContent = name + ': the application does not answer.';
  }
}

function cardOf(service) {
  const known = cards.get(service.name);
  if (known) return known;
  const heading = element('h3', { id: 'service-' + cards.size }, service.name);
  const parts = {
    state: element('p', { className: 'state' }),
    life: element('p', { className: 'soft' }),
    bar: element('progress', { max: 1 }),
    facts: element('dl'),
    plot: element('div'),
    picture: element('div'),
  };
  parts.bar.setAttribute('aria-label', 'Remaining life of the token of ' + service.name);
  const buttons = Object.entries(ACTIONS).map(([action, [label]]) => {
    const button = element('button', { type: 'button' }, label);
    button.setAttribute('aria-label', label + ' ' + service.name);
    button.addEventListener('click', () => act(service.name, action));
    return button;
  });
  const menu = element('menu', {}, ...buttons);
  menu.hidden = !service.token;
  const article = element('article', { 'aria-labelledby': heading.id }, heading, parts.state, parts.bar, parts.life, parts.facts, parts.plot, parts.picture, menu);
  const card = { article, parts, signature: '', lifetimeMs: 0, service };
  cards.set(service.name, card);
  byId('services').append(article);
  return card;
}

function show(service) {
  const card = cardOf(service);
  card.service = service;
  const token = service.token;
  const [kind, text] = healthOf(service);
  card.parts.state.className = 'state ' + kind;
  card.parts.state.textContent = text;
  if (token && token.expiresInMs !== undefined) {
    const whole = token.obtainedAt ? token.expiresAt - token.obtainedAt : Math.max(card.lifetimeMs, token.expiresInMs);
    card.lifetimeMs = Math.max(1, whole);
  } else card.lifetimeMs = 0;
  card.parts.plot.replaceChildren(...(token ? [plot(service.history)] : []));
  card.parts.picture.replaceChildren(...(service.pipeline ? [picture(service.pipeline)] : []));
}

function move() {
  for (const { parts, service, lifetimeMs } of cards.values()) {
    const token = service.token;
    parts.facts.replaceChildren(...facts(service).flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
    parts.bar.hidden = lifetimeMs === 0;
    if (lifetimeMs === 0) {
      parts.life.textContent = token && token.held ? 'Good until it is rejected.' : '';
      continue;
    }
    const leftMs = Math.max(0, token.expiresAt - now());
    parts.bar.value = Math.min(1, leftMs / lifetimeMs);
    parts.life.textContent = leftMs === 0 ? 'Expired.' : 'Expires in ' + duration(leftMs) + '.';
  }
}

function storageState({ state, writeState }) {
  return state === 'up' && writeState === 'down' ? 'takes no writes' : state;
}

function render(next) {
  state = next;
  skewMs = next.at - Date.now();
  next.services.forEach(show);
  byId('storages').replaceChildren(...next.storages.map((storage) => element('tr', {},
    element('td', {}, storage.kind),
    element('td', { className: storage.writeState === 'up' ? 'good' : 'bad' }, storageState(storage)),
    element('td', {}, storage.lock),
    element('td', { className: storage.lockState === 'up' ? 'good' : 'bad' }, storage.lockState),
    element('td', {}, storage.encrypted ? 'encrypted' : 'in the clear'))));
  move();
}

const connection = (text) => { byId('connection').textContent = text; };

async function ask() {
  try {
    const answer = await fetch(base + '/state');
    if (!answer.ok) throw new Error(String(answer.status));
    render(await answer.json());
    connection('Asked every 5 seconds');
  } catch {
    connection('The application does not answer');
  }
}

let polling;
const source = new EventSource(base + '/events');
source.addEventListener('state', (event) => {
  render(JSON.parse(event.data));
  connection('Live');
});
source.addEventListener('error', () => {
  connection('Connecting …');
  if (source.readyState !== EventSource.CLOSED || polling) return;
  ask();
  polling = setInterval(ask, 5000);
});
setInterval(move, 1000);
`;
