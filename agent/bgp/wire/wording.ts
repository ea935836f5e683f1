/** `1 octet`, `3 octets`. */
export function octets(count: number): string {
  return count === 1 ? '1 octet' : `${count} octets`;
}
