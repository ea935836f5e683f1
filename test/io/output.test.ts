import {execFileSync, spawn} from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PassThrough} from 'node:stream';
import t from 'tap';
import {systemClock} from '../../agent/io/clock.js';
import {DescriptorOutput, outputOfDescriptor, StreamOutput} from '../../agent/io/output.js';
import {FakeClock} from '../fake/clock.js';
import {root} from '../root.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-output-'));
t.teardown(() => rmSync(folder, {recursive: true}));

/** Both ends of a named pipe, neither of which blocks. */
function pipe(name: string): {reader: number; writer: number} {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return {reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)};
}

function readAll(fd: number): string {
  const parts: string[] = [];
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) break;
      parts.push(buffer.toString('latin1', 0, length));
    } catch {
      break;
    }
  }
  return parts.join('');
}

t.test('a file takes everything at once', async (t) => {
  const path = join(folder, 'log');
  const fd = openSync(path, 'a');
  const output = outputOfDescriptor(fd, () => t.fail() as never, systemClock);
  t.notOk(output.isTerminal);
  t.ok(output.write('one\n'));
  t.ok(output.write('zwei ü\n'));
  t.equal(readFileSync(path, 'utf8'), 'one\nzwei ü\n');
  await output.drained(0);
  closeSync(fd);
  t.notOk(output.write('three\n'), 'closed');
});

t.test('a full disk loses lines, and only those', async (t) => {
  const fd = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(fd));
  const output = new DescriptorOutput(fd, false, systemClock);
  t.notOk(output.write('one\n'));
  t.notOk(output.write('two\n'));
});

t.test('a reader that stands still: what fits waits, what does not is refused, nothing blocks', async (t) => {
  const {reader, writer} = pipe('slow');
  const clock = new FakeClock();
  const output = new DescriptorOutput(writer, true, clock);
  const line = `${'x'.repeat(1023)}\n`;
  let taken = 0;
  while (output.write(line)) taken += 1;
  t.ok(taken > 1024, 'the pipe and the queue are full');
  t.ok(taken < 1024 + 1024 + 64);

  let drained = false;
  const waiting = output.drained(60_000).then(() => {
    drained = true;
  });
  let text = '';
  while (!drained) {
    text += readAll(reader);
    await clock.run(50);
  }
  await waiting;
  text += readAll(reader);
  t.equal(text.length, taken * 1024);
  t.ok(text.split('\n').every((each) => each === '' || each.length === 1023));
  t.ok(output.write('again\n'));
  t.equal(readAll(reader), 'again\n');
  closeSync(reader);
  closeSync(writer);
});

t.test('drained gives up on a reader that never reads', async (t) => {
  const {reader, writer} = pipe('never');
  const clock = new FakeClock();
  const output = new DescriptorOutput(writer, true, clock);
  while (output.write('x'.repeat(65_536))) {}
  let drained = false;
  void output.drained(1000).then(() => {
    drained = true;
  });
  await clock.run(999);
  t.notOk(drained);
  await clock.run(1);
  t.ok(drained);
  closeSync(reader);
  closeSync(writer);
});

t.test('a reader that went away is not written to again', async (t) => {
  const {reader, writer} = pipe('gone');
  const output = new DescriptorOutput(writer, true, systemClock);
  t.ok(output.write('one\n'));
  closeSync(reader);
  t.notOk(output.write('two\n'));
  t.notOk(output.write('three\n'));
  closeSync(writer);
});

t.test('streams: queued up to a limit, silent after an error', async (t) => {
  const stream = new PassThrough({highWaterMark: 1024});
  const output = new StreamOutput(stream, systemClock);
  let taken = 0;
  while (output.write('x'.repeat(65_536))) taken += 1;
  t.equal(taken, 16);
  const drained = output.drained(60_000);
  stream.resume();
  await drained;
  t.ok(output.write('one\n'));
  stream.destroy(new Error('EPIPE'));
  t.notOk(output.write('two\n'));
  await output.drained(60_000);
});

const program = join(folder, 'writer.mjs');
writeFileSync(
  program,
  `import {standardOutput} from ${JSON.stringify(new URL('../../agent/io/output.js', import.meta.url).href)};
   import {systemClock} from ${JSON.stringify(new URL('../../agent/io/clock.js', import.meta.url).href)};
   const output = standardOutput(systemClock);
   const lines = Number(process.argv[2]);
   let lost = 0;
   for (let i = 0; i < lines; i++) if (!output.write('line ' + i + '\\n')) lost += 1;
   await output.drained(Number(process.argv[3] ?? 10_000));
   process.stderr.write('alive, lost ' + lost + '\\n');
   process.exit(7);
  `,
);

function run(shell: string): Promise<{code: number | null; stdout: string; stderr: string}> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', shell, 'bash', process.execPath, program], {
      cwd: root,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });
}

t.test('a whole process: every line is there at its exit, on a pipe and in a file', async (t) => {
  const {code, stdout, stderr} = await run('"$1" "$2" 20000 | cat');
  t.equal(code, 7);
  t.equal(stderr, 'alive, lost 0\n');
  t.equal(stdout.split('\n').length, 20_001);
  const file = join(folder, 'out');
  t.equal((await run(`"$1" "$2" 20000 > ${file}`)).code, 7);
  t.match(readFileSync(file, 'utf8'), /line 19999\n$/);
});

t.test('a whole process: a reader that stands still does not hold it up', async (t) => {
  const path = join(folder, 'still');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  // A named pipe, and the socket that Node makes for its children: neither is read from here.
  for (const stdout of [writer, 'pipe'] as const) {
    const child = spawn(process.execPath, [program, '200000', '0'], {
      stdio: ['ignore', stdout, 'pipe'],
      timeout: 30_000,
    });
    let stderr = '';
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    const said = new Promise((resolve) => child.stderr?.on('end', resolve));
    const code = await new Promise((resolve) => child.on('exit', resolve));
    await said;
    child.stdout?.destroy();
    t.equal(code, 7);
    t.match(stderr, /^alive, lost [1-9]\d+\n$/);
  }
  closeSync(writer);
  closeSync(reader);
});

t.test('a whole process: a terminal', async (t) => {
  const command = `${process.execPath} ${program} 3`;
  const {code, stdout} = await run(`script -qec '${command}' /dev/null`);
  t.equal(code, 7);
  t.equal(stdout, 'line 0\r\nline 1\r\nline 2\r\nalive, lost 0\r\n');
});

t.test('a whole process: a closed standard output and a full disk do not end it', async (t) => {
  for (const shell of ['"$1" "$2" 100000 | true', '"$1" "$2" 100 > /dev/full', '"$1" "$2" 100 >&-']) {
    const {code, stderr} = await run(shell);
    t.match(stderr, /^alive, lost \d+\n$/, shell);
    t.equal(code, 7, shell);
  }
});
