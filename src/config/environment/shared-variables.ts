/*
 * One environment's secrets are not another's: a script that tries staging must not be handed production's database
 * because somebody wrote the wrong name. So each variable that is an environment's database or key belongs to it, and what
 * the others do with it is refused, unless purser.yaml names it as shared.
 */

interface CommandVariables {
  readonly envFrom: Readonly<Record<string, string>>
}

interface EnvironmentVariables {
  readonly databaseUrlEnv: string
  readonly readOnlyDatabaseUrlEnv?: string
  readonly stripe: { readonly secretKeyEnv: string }
  readonly backups: {
    readonly testRestore: { readonly databaseUrlEnv?: string }
    readonly command?: CommandVariables
  }
  readonly build: CommandVariables
  readonly e2e: CommandVariables
}

type Environments = Readonly<Record<string, EnvironmentVariables>>

interface Use {
  readonly environment: string
  /** Where in the environment the variable is named. */
  readonly path: readonly string[]
  readonly variable: string
  /** What it is to the environment; a command's variable belongs to nobody. */
  readonly as: 'database' | 'key' | 'scratch server' | 'command'
}

interface SharedUse extends Use {
  /** The environment whose database, key or scratch server it is. */
  readonly owner: Use
}

/** Pure: every use of a variable that belongs to another environment. */
export function sharedUses(environments: Environments): readonly SharedUse[] {
  const all = usesIn(environments)
  return all.flatMap((use) => {
    const owner = all.find((other) => belongsTo(other, use) && other.variable === use.variable)
    return owner === undefined ? [] : [{ ...use, owner }]
  })
}

/** Pure: variables of commands that hold the very value of another environment's database or key, under another name. */
export function sharedValues(
  environments: Environments,
  valueOf: (variable: string) => string | undefined,
): readonly SharedUse[] {
  const all = usesIn(environments)
  return all.flatMap((use) => {
    const value = valueOf(use.variable)
    if (use.as !== 'command' || value === undefined) return []
    const same = (other: Use): boolean => other.variable !== use.variable && valueOf(other.variable) === value
    const owner = all.find((other) => belongsTo(other, use) && same(other))
    return owner === undefined ? [] : [{ ...use, owner }]
  })
}

export function placeOf({ environment, path }: Use): string {
  return ['environments', environment, ...path].join('.')
}

/** One server for scratch databases may serve several environments: each database on it has a name of its own. */
function belongsTo(owner: Use, use: Use): boolean {
  const scratches = owner.as === 'scratch server' && use.as === 'scratch server'
  return owner.environment !== use.environment && owner.as !== 'command' && !scratches
}

function usesIn(environments: Environments): readonly Use[] {
  return Object.entries(environments).flatMap(([environment, one]) => {
    const use = (as: Use['as'], variable: string, ...path: string[]): Use => ({ environment, path, variable, as })
    const { databaseUrlEnv: scratch } = one.backups.testRestore
    const { readOnlyDatabaseUrlEnv: reading } = one
    const given = (variables: CommandVariables | undefined, ...path: string[]): Use[] =>
      Object.entries(variables?.envFrom ?? {}).map(([name, variable]) =>
        use('command', variable, ...path, 'envFrom', name),
      )
    const commands = [
      ...given(one.build, 'build'),
      ...given(one.e2e, 'e2e'),
      ...given(one.backups.command, 'backups', 'command'),
    ]
    return [
      use('database', one.databaseUrlEnv, 'databaseUrlEnv'),
      ...(reading === undefined ? [] : [use('database', reading, 'readOnlyDatabaseUrlEnv')]),
      use('key', one.stripe.secretKeyEnv, 'stripe', 'secretKeyEnv'),
      ...(scratch === undefined ? [] : [use('scratch server', scratch, 'backups', 'testRestore', 'databaseUrlEnv')]),
      ...commands,
    ]
  })
}
