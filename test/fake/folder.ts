import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/**
 * A new folder with these files (text) and folders (null), removed after the test. Unlike tap's `testdir` it is nobody
 * else's, also when one test file runs twice at a time.
 */
export function newFolder(
  t: {teardown(fn: () => void): void},
  content: Readonly<Record<string, string | null>> = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), 'eip-health-test-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  for (const [name, text] of Object.entries(content)) {
    if (text === null) mkdirSync(join(folder, name));
    else writeFileSync(join(folder, name), text);
  }
  return folder;
}
