/** `status` for people. Pure. */

import {age} from '../lib/age.js';
import {printable} from '../lib/printable.js';
import {type Styles, styleOfWord, styles} from '../lib/styles.js';
import type {Status} from './status.js';
import {
  checksSection,
  isAnnounced,
  peersSection,
  type Row,
  routesSection,
  type Section,
  servicesSection,
} from './status-sections.js';
import {type Cell, cut, type Span, tableLines} from './table.js';

export interface RenderOptions {
  readonly color: boolean;
  /** Characters of a line; longer ones are cut. Infinity: nothing is. */
  readonly width: number;
  /** Lines of the screen: rows in which all is well give way first. Without it everything is shown. */
  readonly height?: number;
}

/** Lines, each ended by a newline. */
export function renderStatus(status: Status, {color, width, height}: RenderOptions): string {
  const style = styles(color);
  const now = Date.parse(status.at);
  const head = [title(status, now), ...status.config.errors.map(configError)].map((cell) =>
    line(cell, width, style),
  );
  const foot = line(summary(status), width, style);
  const all = [
    servicesSection(status.services, now),
    ...(status.services.length === 1
      ? [
          checksSection(
            status.services.flatMap(({checks}) => checks),
            now,
          ),
        ]
      : []),
    routesSection(status.routes),
    peersSection(status.peers, now),
  ].filter(({rows}) => rows.length > 0);
  const room = (height ?? Number.POSITIVE_INFINITY) - head.length - 2 - 2 * all.length;
  const lines = fitting(all, room).flatMap((section) => ['', ...sectionLines(section, width, style)]);
  const shown = [...head, ...lines, '', foot];
  const kept =
    height === undefined || shown.length <= height ? shown : [...shown.slice(0, height - 2), '…', foot];
  return kept.map((text) => `${text}\n`).join('');
}

/** One table of it, whole; `empty` where it has no rows. */
export function renderTable(
  section: Section,
  empty: string,
  {color, width}: Pick<RenderOptions, 'color' | 'width'>,
): string {
  if (section.rows.length === 0) return `${empty}\n`;
  return sectionLines({...section, left: 0}, width, styles(color))
    .map((text) => `${text}\n`)
    .join('');
}

function title({version, router_id, since}: Status, now: number): Cell {
  const routerId = router_id === null ? '' : `, router id ${router_id}`;
  return [
    {text: 'eip-health', style: 'bold'},
    {text: ` ${version}, running for ${age(now - Date.parse(since))}${routerId}`, style: 'dim'},
  ];
}

function configError({file, line, column, message}: Status['config']['errors'][number]): Cell {
  return [
    {text: 'configuration: ', style: 'red'},
    {text: printable(`${file}:${line}:${column}: ${message}`)},
  ];
}

/** `3 services: 2 up, 1 down; 2 of 3 routes announced; 1 of 2 peers established`. */
function summary({services, routes, peers, load}: Status): Cell {
  const spans: Span[] = [{text: count(services.length, 'service')}];
  const states = ['up', 'degraded', 'down', 'unknown'] as const;
  let separator = ': ';
  for (const state of states) {
    const number = services.filter((service) => service.state === state).length;
    if (number === 0) continue;
    spans.push({text: separator}, {text: `${number} ${state}`, style: styleOfWord(state)});
    separator = ', ';
  }
  spans.push(...steered(services));
  const wanted = routes.filter(({wanted}) => wanted);
  const announced = wanted.filter(isAnnounced).length;
  const routesText =
    wanted.length === 0 ? 'nothing to announce' : `${announced} of ${wanted.length} routes announced`;
  spans.push({text: `; ${routesText}`});
  const established = peers.filter(({state}) => state === 'established').length;
  if (peers.length > 0) {
    spans.push({text: `; ${established} of ${peers.length} peers established`}, ...steered(peers));
  }
  if (load.waiting > 0) {
    spans.push(
      {text: '; '},
      {text: `${count(load.waiting, 'check')} waiting for others to end`, style: 'yellow'},
    );
  }
  return spans;
}

/** ` (1 drained, 2 disabled)`. */
function steered(those: readonly {readonly admin: {readonly state: string}}[]): Span[] {
  const spans: Span[] = [];
  for (const state of ['drained', 'disabled', 'forced-up']) {
    const number = those.filter(({admin}) => admin.state === state).length;
    if (number === 0) continue;
    spans.push(
      {text: spans.length === 0 ? ' (' : ', '},
      {text: `${number} ${state}`, style: styleOfWord(state)},
    );
  }
  return spans.length === 0 ? [] : [...spans, {text: ')'}];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** A section of which some calm rows are left out. */
interface Fitted extends Section {
  readonly left: number;
}

/** Leaves out calm rows, of the longest section first, until all fit into `room` lines. */
function fitting(sections: readonly Section[], room: number): Fitted[] {
  const kept = new Map(sections.map((section): [Section, Fitted] => [section, {...section, left: 0}]));
  for (const section of [...sections].sort((a, b) => b.rows.length - a.rows.length)) {
    const surplus =
      [...kept.values()].reduce((sum, {rows, left}) => sum + linesOf(rows) + Math.min(left, 1), 0) - room;
    const calm = section.rows.filter((row) => row.calm);
    // The line that tells of the others takes the place of one.
    const left = Math.min(calm.length, surplus + 1);
    if (surplus <= 0 || left < 2) continue;
    const out = new Set(calm.slice(-left));
    kept.set(section, {...section, rows: section.rows.filter((row) => !out.has(row)), left});
  }
  return [...kept.values()];
}

function linesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, {note}) => sum + (note === undefined ? 1 : 2), 0);
}

function sectionLines({columns, rows, calmly, left}: Fitted, width: number, style: Styles): string[] {
  const [titles, ...lines] = tableLines(
    columns,
    rows.map((row) => row.cells),
    width,
    style,
  );
  const withNotes = lines.flatMap((text, i) => {
    const note = rows[i]?.note;
    return note === undefined ? [text] : [text, line([{text: `  ${note}`, style: 'yellow'}], width, style)];
  });
  const others = left === 0 ? [] : [style.dim(`… ${left} ${rows.length === 0 ? '' : 'more '}${calmly}`)];
  return rows.length === 0 ? others : [titles ?? '', ...withNotes, ...others];
}

function line(cell: Cell, width: number, style: Styles): string {
  return cut(cell, width)
    .map((span) => (span.style ? style[span.style](span.text) : span.text))
    .join('');
}
