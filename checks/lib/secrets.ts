/** Finding what may be secret in texts people wrote into a configuration, so that it is not printed. */

export const secretMark = '[secret]';

const secretName = /authorization|cookie|passw|passphrase|secret|token|credential|api-?_?key|private-?_?key/i;
const urlPassword = /(\w+:\/\/[^\s/:@]*:)[^\s/@]+(@)/g;
const secretWord = 'authorization|passw(?:or)?d|passphrase|secret|token|api[-_]?key';
// Behind a slash it is a file: `/etc/passwd: permission denied`.
const assignment = new RegExp(
  String.raw`((?:(?:${secretWord})["']?\s*=|(?<!/)(?:${secretWord})["']?\s*:)\s*["']?(?:(?:bearer|basic)\s+)?|` +
    String.raw`--(?:passw(?:or)?d|token|secret)\s+)[^\s"'&,;}]+`,
  'gi',
);

/** Whether a header, a variable or a query parameter of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** `http://user:[secret]@host/?token=[secret]`. */
export function maskUrl(url: string): string {
  return url
    .replace(urlPassword, `$1${secretMark}$2`)
    .replace(/([?&;])([^=&;#]+)=[^&;#]+/g, (whole, mark: string, name: string) =>
      isSecretName(name) ? `${mark}${name}=${secretMark}` : whole,
    );
}

/** Free text: passwords in URLs, and what stands behind `password=`, `token:` or `Bearer`. */
export function maskText(text: string): string {
  return text.replace(urlPassword, `$1${secretMark}$2`).replace(assignment, `$1${secretMark}`);
}

/** The same names with secret values masked. */
export function maskRecord<Value>(record: Readonly<Record<string, Value>>): Record<string, Value | string> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, isSecretName(name) ? secretMark : value]),
  );
}
