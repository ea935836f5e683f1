import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {ExabgpAnnouncer} from '../../agent/announce/exabgp.js';
import {announceLine, parseAnswer} from '../../agent/control/exabgp-protocol.js';
import {openJournal} from '../../agent/io/journal.js';
import type {LinePipeHandlers} from '../../agent/io/line-pipe.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Desired, IpAddress, Prefix, Route} from '../../agent/types.js';
import {installerContract} from '../contract/announcer.js';
import {FakeClock, settle} from '../fake/clock.js';
import {communities, route} from '../fake/route.js';

/** The other end of the pipe: takes lines as ExaBGP does, one after the other, and answers each. */
class FakeExabgp {
  readonly lines: string[] = [];
  readonly table = new Map<string, string>();
  isHanging = false;
  refuses: RegExp | null = null;
  #handlers: LinePipeHandlers | null = null;
  #waiting: string[] = [];

  readonly open = (handlers: LinePipeHandlers) => {
    this.#handlers = handlers;
    return {
      write: (line: string) => {
        this.lines.push(line);
        this.#waiting.push(line);
        queueMicrotask(() => this.#work());
      },
    };
  };

  say(line: string): void {
    this.#handlers?.line(line);
  }

  close(): void {
    this.#handlers?.closed();
  }

  goOn(): void {
    this.isHanging = false;
    this.#work();
  }

  #work(): void {
    while (!this.isHanging) {
      const line = this.#waiting.shift();
      if (line === undefined) return;
      this.say(this.#take(line));
    }
  }

  #take(line: string): string {
    const [verb, what, prefix = ''] = line.split(' ');
    if (what !== 'route' || this.refuses?.test(line)) return 'error';
    if (verb === 'announce') this.table.set(prefix, line);
    else if (verb === 'withdraw') this.table.delete(prefix);
    else return 'error';
    return 'done';
  }
}

const self6 = parseAddress('2001:db8::fe');

class Desk {
  readonly clock = new FakeClock();
  readonly exabgp: FakeExabgp;
  readonly events: string[] = [];
  readonly log: AgentEvent[] = [];
  readonly announcer: ExabgpAnnouncer;
  ends = 0;

  constructor(
    folder: string,
    exabgp = new FakeExabgp(),
    allowed = (_: Prefix): boolean => true,
    localAddress6: IpAddress | null = self6,
  ) {
    this.exabgp = exabgp;
    this.announcer = new ExabgpAnnouncer({
      config: {localAs: 64532, localAddress6},
      open: exabgp.open,
      onEnd: () => {
        this.ends++;
      },
      journal: openJournal(join(folder, 'exabgp.journal'), 'boot'),
      allowed,
      clock: this.clock,
      emit: (event) => this.log.push(event),
    });
    this.announcer.on((event) => this.events.push(`${event.kind} ${event.prefix}`));
  }

  async have(items: readonly Route[], rest: Partial<Desired<Route>> = {}): Promise<void> {
    this.events.length = 0;
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
    await settle();
  }
}

const [a, b, six] = ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128'] as const;

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'eip-exabgp-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  return folder;
}

async function newDesk(t: Test, ...rest: [FakeExabgp?, ((prefix: Prefix) => boolean)?]): Promise<Desk> {
  const desk = new Desk(newFolder(t), ...rest);
  await desk.announcer.start();
  return desk;
}

installerContract(
  'exabgp',
  async () => {
    const desk = new Desk(newFolder(t));
    return {
      installer: desk.announcer,
      items: [route(a), route(b), route(six)],
      changed: (item) => ({...item, med: 70}),
      holds: () => [...desk.exabgp.table.keys()].map(parsePrefix),
      changes: () => desk.exabgp.lines.length,
      ready: async () => {},
      quiet: settle,
      end: () => desk.announcer.stop('keep'),
    };
  },
  {keeps: true},
);

t.test('a line says every attribute', (t) => {
  const full = route(six, {
    nextHop: {ipv6: parseAddress('2001:db8::99')},
    med: 100,
    localPreference: 200,
    asPathPrepend: 2,
    communities: communities('64512:7', '65535:65281', 'large:64512:1:2'),
  });
  t.equal(
    announceLine(full, {localAs: 64532, localAddress6: null}),
    `announce route ${six} next-hop 2001:db8::99 med 100 local-preference 200 as-path [ 64532 64532 64532 ] ` +
      'community [ 64512:7 65535:65281 ] large-community [ 64512:1:2 ]',
  );
  t.equal(announceLine(route(a), {localAs: null, localAddress6: null}), `announce route ${a} next-hop self`);
  t.same(['done', ' error ', 'shutdown 12 1', '', 'neighbor 10.0.0.1 up'].map(parseAnswer), [
    'done',
    'error',
    'shutdown',
    null,
    null,
  ]);
  t.end();
});

t.test('an IPv6 prefix never goes out with the session as its next hop', async (t) => {
  const withAddress = await newDesk(t);
  await withAddress.have([route(six)]);
  t.same(withAddress.exabgp.lines, [`announce route ${six} next-hop 2001:db8::fe`]);
  const without = new Desk(newFolder(t), new FakeExabgp(), () => true, null);
  await without.announcer.start();
  await without.have([route(six), route(a)]);
  t.same(without.exabgp.lines, [`announce route ${a} next-hop self`]);
  t.same(without.events, [`failed ${six}`, `installed ${a}`]);
});

t.test('each line once: what did not change is not said again', async (t) => {
  const {announcer, exabgp, ...desk} = await newDesk(t);
  const set = (items: readonly Route[]) => announcer.set({items, adopt: new Set(), complete: true});
  const first = route(a);
  set([first]);
  set([first, route(b)]);
  await settle();
  t.same(exabgp.lines, [`announce route ${a} next-hop self`, `announce route ${b} next-hop self`]);
  set([{...first}, route(b)]);
  await settle();
  t.equal(exabgp.lines.length, 2, 'the same in other objects');
  desk.clock.advance(3_600_000);
  await settle();
  t.equal(exabgp.lines.length, 2, 'nor when time passes');
  t.match(desk.log, [{kind: 'route-announced', prefix: a, to: 'exabgp'}, {prefix: b}]);
});

t.test('never more on the way than a pipe takes, in the order of the answers', async (t) => {
  const desk = await newDesk(t);
  desk.exabgp.isHanging = true;
  const many = Array.from({length: 2000}, (_, i) => route(`10.1.${i >> 8}.${i & 255}/32`));
  await desk.have(many);
  const size = desk.exabgp.lines.join('\n').length;
  t.ok(size > 16_384 && size < 40_000, `${size} characters are on the way`);
  desk.exabgp.goOn();
  await settle();
  t.equal(desk.exabgp.table.size, 2000);
  t.equal(desk.exabgp.lines.length, 2000);
  t.equal(desk.events.length, 2000);
});

t.test('what ExaBGP refuses fails with its line, is tried again, and holds up nothing', async (t) => {
  const desk = await newDesk(t);
  desk.exabgp.refuses = /192\.0\.2\.1/;
  await desk.have([route(a), route(b)]);
  t.same(desk.events, [`failed ${a}`, `installed ${b}`]);
  t.match(
    desk.announcer.snapshot().reasons.get(parsePrefix(a)),
    /ExaBGP refuses "announce route 192\.0\.2\.1/,
  );
  t.same([...desk.announcer.snapshot().items.values()], ['failed', 'installed']);
  desk.exabgp.refuses = null;
  desk.clock.advance(100);
  await settle();
  t.same(desk.events, [`failed ${a}`, `installed ${b}`, `installed ${a}`]);
  t.equal(desk.announcer.snapshot().reasons.size, 0);
});

t.test('without an answer nothing is called installed, and it is said again', async (t) => {
  const desk = await newDesk(t);
  desk.exabgp.isHanging = true;
  await desk.have([route(a)]);
  t.same(desk.events, []);
  desk.clock.advance(5_000);
  t.same(desk.events, [`failed ${a}`]);
  t.match(desk.announcer.snapshot().reasons.get(parsePrefix(a)), /does not acknowledge/);
  await desk.have([]);
  desk.exabgp.goOn();
  await settle();
  t.same([...desk.exabgp.table.keys()], [], 'it may have heard the announcement: it is withdrawn');
  t.same(desk.events, [`removed ${a}`]);
});

t.test('what an earlier life left is withdrawn, or stays as long as it may', async (t) => {
  const folder = newFolder(t);
  const exabgp = new FakeExabgp();
  const before = new Desk(folder, exabgp);
  await before.announcer.start();
  await before.have([route(a), route(b)]);
  exabgp.lines.length = 0;
  const after = new Desk(folder, exabgp);
  await after.announcer.start();
  t.same(exabgp.lines, [], 'before it is known what is wanted nothing is said');
  await after.have([], {adopt: new Set([parsePrefix(a)]), complete: false});
  t.same([...exabgp.table.keys()], [a]);
  t.same(exabgp.lines, [`withdraw route ${b}`]);
  t.match(after.log, [{kind: 'route-withdrawn', prefix: b}]);
  await after.have([]);
  t.same([...exabgp.table.keys()], []);
  const last = new Desk(folder, exabgp);
  await last.announcer.start();
  exabgp.lines.length = 0;
  await last.have([]);
  t.same(exabgp.lines, [], 'nothing is left over');
});

t.test('the gate: what is not allowed is not said', async (t) => {
  const desk = await newDesk(t, new FakeExabgp(), (prefix) => prefix !== a);
  await desk.have([route(a), route(b)]);
  t.same([...desk.exabgp.table.keys()], [b]);
  t.same(desk.events, [`failed ${a}`, `installed ${b}`]);
  await desk.have([]);
  t.same(desk.events, [`removed ${a}`, `removed ${b}`]);
});

t.test('the end of ExaBGP is the end of the pipe, and no stop waits for it', async (t) => {
  const desk = await newDesk(t);
  await desk.have([route(a)]);
  desk.exabgp.isHanging = true;
  desk.exabgp.say('shutdown 12 1');
  const lines = desk.exabgp.lines.length;
  await desk.have([]);
  t.same(desk.events, [`removed ${a}`], 'it went with the sessions');
  await desk.announcer.stop('withdraw');
  t.equal(desk.exabgp.lines.length, lines);
  desk.exabgp.close();
  t.equal(desk.ends, 1);
});

t.test('a stop does not wait for ever', async (t) => {
  const desk = await newDesk(t);
  await desk.have([route(a)]);
  desk.exabgp.isHanging = true;
  const stopped = desk.announcer.stop('withdraw');
  await settle();
  desk.clock.advance(5_000);
  await stopped;
  t.match(desk.log.at(-1), {kind: 'note', level: 'error', message: /has not acknowledged/});
});
