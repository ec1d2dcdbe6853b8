import type { PhaseName } from './kinds.ts'

/** How long each phase usually takes, in milliseconds. A phase that never succeeded here is missing. */
export type PhaseDurations = Readonly<Partial<Record<PhaseName, number>>>
