/** A phase as its table row: everything about it but the function that executes it (`src/runbook/runbook.ts`). */
export interface PhaseSpec {
  readonly name: string
  /** The title on the board. */
  readonly title: string
  /** The expected duration in minutes, unless purser.yaml or the run itself says otherwise. */
  readonly minutes: number
  /** Whether beginning it may change something outside that a rollback does not put back by itself. */
  readonly changes: boolean
  /** Whether it keeps the machine busy: tests, dumps, restores. Few of them run at once. */
  readonly heavy?: true
  /** Whether it mostly waits for the next sample, and so costs no place. */
  readonly watches?: true
}

/**
 * The chapters of the runbook's deploy, in order; the minutes are those of its headings. The type of a phase's name,
 * the schema of purser.yaml's `service.phases`, titles, budgets and the order of execution are all read off this table.
 */
export const deployPhases = [
  { name: 'preflight', title: 'Pre-flight checks and backup', minutes: 5, changes: false, heavy: true },
  { name: 'migrate', title: 'Apply database migrations', minutes: 5, changes: true },
  { name: 'rollout', title: 'Deploy application code', minutes: 10, changes: true },
  { name: 'stripe', title: 'Configure Stripe webhook', minutes: 5, changes: true },
  { name: 'cronjobs', title: 'Deploy cron jobs', minutes: 5, changes: true },
  { name: 'e2e', title: 'Run end-to-end tests', minutes: 10, changes: true, heavy: true },
  { name: 'monitor', title: 'Monitor', minutes: 30, changes: true, watches: true },
] as const satisfies readonly PhaseSpec[]

export type DeployPhase = (typeof deployPhases)[number]['name']

/** The phase that gathers facts and makes a plan of them, before anybody approves; it is no chapter. */
export const planPhase = { name: 'plan', title: 'Plan', minutes: 2, changes: false } as const satisfies PhaseSpec
