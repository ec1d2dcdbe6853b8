/** How often a property is tried: as `npm run fuzz` says, else a few times. */
export function runs(usual: number): { readonly numRuns: number } {
  const asked = Number(process.env['PURSER_FUZZ_RUNS'] ?? '')
  return { numRuns: asked > 0 ? asked : usual }
}
