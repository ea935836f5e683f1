/** Amounts of bytes: `65536`, `64KB`, `1MiB`. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1000,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
};

/** Bytes, or null when the text is no size. At least 1 byte, at most 64 MiB: more is surely a slip. */
export function parseSize(value: number | string): number | null {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(value).trim()) ?? [];
  const factor = units[unit.toLowerCase()];
  if (number === '' || factor === undefined) return null;
  const bytes = Math.round(Number(number) * factor);
  return bytes >= 1 && bytes <= 64 * 1024 ** 2 ? bytes : null;
}
