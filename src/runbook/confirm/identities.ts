import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { PurserError } from '../../errors.ts'
import type { Identities, Identity } from '../../model/identities.ts'
import type { PhaseContext } from '../phase.ts'

interface Read {
  readonly identities: Identities
  /** What cannot be told apart, a sentence each: whoever approves should know. */
  readonly risks: readonly string[]
}

/**
 * Reads what the addresses and keys of Purser's environment lead to: after a restart the same name may stand on another
 * server, in another cluster, or in another account. Changes nothing.
 */
export async function readIdentities(context: PhaseContext, deployed: Deployed): Promise<Read> {
  const [database, cluster, stripe] = await Promise.all([ofDatabase(context), ofCluster(context), ofStripe(context)])
  return {
    identities: { database, cluster, deployment: ofDeployment(context, deployed), stripe },
    risks: [
      ...riskOf(
        database,
        `database server it is: Purser's role isn't allowed to call pg_control_system()`,
        database.address,
      ),
      ...riskOf(
        cluster,
        "cluster it is: Purser isn't allowed to get namespace kube-system",
        `${cluster.address} and the Deployment's uid`,
      ),
      ...riskOf(stripe, 'Stripe account it is: the key lacks the right Accounts: Read', 'its mode and its endpoints'),
    ],
  }
}

/** The same, before anything else is known. A Deployment that is gone has no uid. */
export async function identitiesNow(context: PhaseContext): Promise<Identities> {
  const { deployment, container } = context.service
  const found = await context.world.cluster.deployment(deployment, container, context.signal)
  return (await readIdentities(context, found)).identities
}

type Deployed = Pick<DeploymentState, 'uid'> | undefined

function riskOf({ id }: Identity, what: string, compared: string): readonly string[] {
  return id === undefined
    ? [`It cannot be told which ${what}. Before each phase only ${compared} can be compared.`]
    : []
}

function ofDeployment({ service, environment }: PhaseContext, deployed: Deployed): Identity {
  const address = `${environment.namespace}/${service.deployment}`
  return deployed === undefined ? { address } : { id: `uid ${deployed.uid}`, address }
}

async function ofDatabase({ world, signal }: PhaseContext): Promise<Identity> {
  const identity = await world.database.identity(signal)
  const { systemIdentifier, database, oid } = identity
  const address = `${identity.address}/${database}`
  if (systemIdentifier === undefined) return { address }
  return { id: `system identifier ${systemIdentifier}, database ${database} with oid ${oid}`, address }
}

async function ofCluster({ world, signal }: PhaseContext): Promise<Identity> {
  const { uid, server } = await world.cluster.identity(signal)
  return uid === undefined ? { address: server } : { id: `uid ${uid} of kube-system`, address: server }
}

/** A restricted key may lack the right to read its own account. */
async function ofStripe({ world, signal }: PhaseContext): Promise<Identity> {
  const address = `${world.stripe.keyMode} mode`
  try {
    return { id: `${(await world.stripe.account(signal)).id} in ${address}`, address }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError) || error.code !== 'stripe_permission_missing') throw error
    return { address }
  }
}
