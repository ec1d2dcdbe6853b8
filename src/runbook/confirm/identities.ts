import type { DatabaseFacts } from '../../adapters/postgres/port.ts'
import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { PurserError } from '../../errors.ts'
import type { Configuration } from '../../model/configuration.ts'
import type { PhaseContext } from '../phase.ts'

/**
 * What the addresses and keys of Purser's environment lead to: the same name may stand in another cluster, in another server,
 * or in another account. What cannot be read is left out, and nothing is said of it.
 */
export async function identitiesOf(
  context: PhaseContext,
  { uid }: Pick<DeploymentState, 'uid'>,
  { database, systemIdentifier }: Pick<DatabaseFacts, 'database' | 'systemIdentifier'>,
): Promise<Configuration> {
  const account = await accountOf(context)
  return {
    'database server': systemIdentifier === undefined ? 'not readable' : systemIdentifier,
    database,
    Deployment: uid,
    ...(account === undefined ? {} : { 'Stripe account': account }),
  }
}

/** A restricted key may not read its account; the endpoints that it reads are compared one by one. */
async function accountOf({ world, signal }: PhaseContext): Promise<string | undefined> {
  try {
    return (await world.stripe.account(signal)).id
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError) || error.transient) throw error
    return undefined
  }
}
