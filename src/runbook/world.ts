import type { Repository } from '../adapters/git/port.ts'
import type { HealthProbe } from '../adapters/http/port.ts'
import type { Cluster } from '../adapters/kubernetes/port.ts'
import type { Backups } from '../adapters/postgres/backups/port.ts'
import type { Restores } from '../adapters/postgres/restores/port.ts'
import type { ServiceDatabase } from '../adapters/postgres/port.ts'
import type { MigrationLint } from '../adapters/squawk/port.ts'
import type { ImageRegistry } from '../adapters/registry/port.ts'
import type { Runner } from '../adapters/runner/port.ts'
import type { StripeAccount, WebhookProbe } from '../adapters/stripe/port.ts'
import type { Sensitive } from '../sensitive.ts'

/** Everything outside that one environment's runbook touches, each behind its port. */
export interface World {
  readonly cluster: Cluster
  readonly database: ServiceDatabase
  readonly backups: Backups
  readonly restores: Restores
  readonly lint: MigrationLint
  readonly stripe: StripeAccount
  readonly webhook: WebhookProbe
  readonly registry: ImageRegistry
  readonly repository: Repository
  readonly runner: Runner
  readonly health: HealthProbe
  /** Reads a variable of Purser's own environment that purser.yaml names. */
  readonly secret: (name: string) => Sensitive | undefined
}
