import {closeSync, fstatSync, openSync} from 'node:fs';
import t from 'tap';
import {isJournald} from '../../agent/io/journald.js';

t.test('a descriptor is the stream that systemd named, or it is not', async (t) => {
  const fd = openSync('/dev/null', 'r');
  const {dev, ino} = fstatSync(fd, {bigint: true});
  t.ok(isJournald(fd, {JOURNAL_STREAM: `${dev}:${ino}`}));
  t.notOk(isJournald(fd, {JOURNAL_STREAM: `${dev}:${ino + 1n}`}), 'redirected since');
  t.notOk(isJournald(fd, {}));
  closeSync(fd);
  t.notOk(isJournald(fd, {JOURNAL_STREAM: `${dev}:${ino}`}), 'closed');
});
