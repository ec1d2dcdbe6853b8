import type { LookContext } from '../runbook/phase.ts'

/** One environment, as its runs would meet it. Each look brings its own time limit. */
export type Outlook = Omit<LookContext, 'signal'>
