/** `vip list` for people: a table, as cells. Pure. */

import {printable} from '../lib/printable.js';
import {styleOfWord} from '../lib/styles.js';
import {byWhom, type Section, whereCells} from './status-sections.js';
import type {VipStatus} from './vips.js';

export function vipsSection(vips: readonly VipStatus[]): Section {
  return {
    calmly: 'VIPs',
    columns: [
      {title: 'VIP', least: 18},
      {title: 'SERVICE', least: 8},
      {title: 'STATE'},
      {title: 'KERNEL'},
      {title: 'ANNOUNCED TO', least: 16},
      {title: 'HELD OUT', least: 16},
    ],
    rows: vips.map((vip) => {
      const {announced, kernel} = whereCells(vip);
      const states = [...new Set(vip.services.flatMap(({state}) => state ?? []))];
      const reasons = Object.entries(vip.reasons).map(([name, reason]) => printable(`${name}: ${reason}`));
      return {
        calm: vip.held === null,
        ...(reasons.length === 0 ? {} : {note: reasons.join('; ')}),
        cells: [
          vip.prefix,
          printable(vip.services.map(({name}) => name).join(', ')),
          states.map((state) => ({text: state, style: styleOfWord(state)})),
          kernel,
          announced,
          vip.held === null ? '' : printable(`${byWhom(vip.held)}, since ${shortTime(vip.held.at)}`),
        ],
      };
    }),
  };
}

function shortTime(iso: string): string {
  return iso.replace(/:\d\d\.\d+Z$/, 'Z');
}
