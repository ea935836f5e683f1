/** Of a service that a reload took out, while it drains. */
export const removedAdmin = {
  state: 'drained',
  by: null,
  at: null,
  until: null,
  reason: 'removed from the configuration',
} as const;
