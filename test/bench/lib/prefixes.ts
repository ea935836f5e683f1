/** `count` different host prefixes from 10.100.0.0 on. */
export function hostPrefixes(count: number): readonly string[] {
  return Array.from({length: count}, (_, i) => `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`);
}
