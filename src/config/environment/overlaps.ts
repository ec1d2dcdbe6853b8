/*
 * "One run at a time" is about what runs touch, not about names. Two environments that name the same database, the same
 * Deployment or the same webhook URL share one slot.
 */

interface Touched {
  readonly databaseUrlEnv: string
  readonly namespace: string
  readonly clusterContext?: string
  readonly webhookUrl: string
}

interface Overlap {
  readonly environments: readonly [string, string]
  /** What both touch, without its address. */
  readonly what: string
}

/** Pure: what each two environments touch both. The Deployment's name is the service's, so its namespace tells. */
export function overlapsOf(
  environments: Readonly<Record<string, Touched>>,
  valueOf: (variable: string) => string | undefined,
): readonly Overlap[] {
  const all = Object.entries(environments)
  return all.flatMap(([name, one], index) =>
    all
      .slice(index + 1)
      .flatMap(([other, two]) =>
        sharedBy(one, two, valueOf).map((what): Overlap => ({ environments: [name, other], what })),
      ),
  )
}

/** Pure: this environment and all that share something with it, directly or by another one. */
export function sharingWith(environment: string, overlaps: readonly Overlap[]): readonly string[] {
  const found = new Set([environment])
  // What is added while it is walked through is walked through too.
  for (const name of found)
    for (const { environments } of overlaps)
      if (environments.includes(name)) for (const other of environments) found.add(other)
  return [...found]
}

function sharedBy(one: Touched, two: Touched, valueOf: (variable: string) => string | undefined): readonly string[] {
  const [database, otherDatabase] = [one, two].map(({ databaseUrlEnv }) => databaseOf(valueOf(databaseUrlEnv)))
  const variables = [...new Set([one.databaseUrlEnv, two.databaseUrlEnv])].join(' and ')
  const sameCluster = one.clusterContext === two.clusterContext
  return [
    ...(database !== undefined && database === otherDatabase ? [`the database of ${variables}`] : []),
    ...(sameCluster && one.namespace === two.namespace ? [`the namespace ${one.namespace} of one cluster`] : []),
    ...(placeOf(one.webhookUrl) === placeOf(two.webhookUrl) ? ['the webhook URL'] : []),
  ]
}

/** Server and database: who logs in, and how, does not matter. */
function databaseOf(address: string | undefined): string | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined
  const { hostname, port, pathname } = new URL(address)
  return `${hostname.toLowerCase()}:${port === '' ? '5432' : port}${pathname}`
}

function placeOf(address: string): string {
  const { origin, pathname, search } = new URL(address)
  return origin + pathname.replace(/\/$/, '') + search
}
