import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {initialPeer, step} from '../../agent/bgp/fsm.js';
import type {PeerAction, PeerEvent, PeerSettings} from '../../agent/bgp/fsm-types.js';
import type {Open} from '../../agent/bgp/wire/message.js';
import type {Preserved} from '../../agent/bgp/wire/negotiate.js';
import {root} from '../root.js';

interface Line {
  readonly at: number;
  readonly event: PeerEvent;
  readonly to: string;
  readonly does: readonly string[];
}

/** Of a scenario, beside the settings; `preserved`: what the peer may hold of an earlier life. */
interface Header {
  readonly about: string;
  readonly preserved?: Preserved;
}

const folder = join(root, 'test/scenario');
const files = readdirSync(folder).filter((name) => /^bgp-.*\.jsonl$/.test(name));

t.test('there are scenarios', (t) => {
  t.ok(files.length >= 3);
  t.end();
});

for (const file of files) {
  const [head, ...lines] = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const {about, preserved, ...settings} = JSON.parse(head ?? '') as PeerSettings & Header;
  t.test(`${file}: ${about}`, (t) => {
    let peer = initialPeer(settings, preserved);
    for (const [i, text] of lines.entries()) {
      const {at, does, event, to} = JSON.parse(text, revive) as Line;
      const played = step(peer, event, {now: at, random: 1});
      peer = played.peer;
      t.equal(peer.state, to, `line ${i + 2}: ${text.slice(0, 80)}`);
      t.same(played.actions.map(inWords), does, `line ${i + 2}: what is done`);
    }
    t.ok(lines.length > 0);
    t.end();
  });
}

/** The bytes of a NOTIFICATION are hex. */
function revive(key: string, value: unknown): unknown {
  return key === 'data' && typeof value === 'string' ? Uint8Array.from(Buffer.from(value, 'hex')) : value;
}

/** `, graceful restart RN F-`: the bits, F for each family. */
function restartOf({capabilities}: Open): string {
  const restart = capabilities.find((capability) => capability.kind === 'graceful-restart');
  if (!restart) return '';
  const forwarding = restart.families.map((family) => (family.forwarding ? 'F' : '-')).join('');
  return `, graceful restart ${restart.restarted ? 'R' : '-'}${restart.notification ? 'N' : '-'} ${forwarding}`;
}

function inWords(action: PeerAction): string {
  switch (action.kind) {
    case 'connect':
      return 'connect';
    case 'disconnect':
      return action.drain ? 'disconnect and drain' : 'disconnect';
    case 'send': {
      const {message} = action;
      if (message.type === 'notification') return `send notification ${message.code}/${message.subcode}`;
      return message.type === 'open' ? `send open${restartOf(message)}` : `send ${message.type}`;
    }
    case 'set-timer':
      return `set ${action.timer} ${action.ms}`;
    case 'clear-timer':
      return `clear ${action.timer}`;
    case 'state':
      return `${action.from} to ${action.to}${action.reason === null ? '' : `: ${action.reason}`}`;
    case 'deliver':
      return `deliver ${action.message.type}`;
  }
}
