export function checks({ base, expect }) {
  return {
    'the plan catalogue is served': async () => {
      expect(
        (await fetch(`${base}/api/billing/plans`, { signal: AbortSignal.timeout(10_000) })).status,
        200,
        'status of GET /api/billing/plans',
      )
    },
  }
}
