import {readFile} from 'node:fs/promises';
import {execa} from 'execa';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** A user by name or number: from /etc/passwd, else from wherever `getent` knows users (LDAP, sssd …); or null. */
export async function findUser(nameOrId: string, passwd = '/etc/passwd'): Promise<User | null> {
  const local = inPasswd(await readFile(passwd, 'utf8').catch(() => ''), nameOrId);
  if (local) return local;
  const {stdout} = await execa('getent', ['passwd', '--', nameOrId], {
    reject: false,
    timeout: 2000,
    stdin: 'ignore',
  });
  return inPasswd(String(stdout), nameOrId);
}

/** passwd(5): name:password:uid:gid:comment:home:shell. */
function inPasswd(text: string, nameOrId: string): User | null {
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = '', , home = '/', shell = ''] = line.split(':');
    if ((name === nameOrId || uid === nameOrId) && /^\d+$/.test(uid) && /^\d+$/.test(gid)) {
      return {name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh'};
    }
  }
  return null;
}
