import type { PurserConfig } from '../purser-yaml.ts'

interface NamedVariable {
  readonly name: string
  /** Whether it is an address, a key or a token: white space around it is a slip. What commands get may be any text. */
  readonly bare: boolean
  /** Whether the start needs it. The phase `preflight` tells missing credentials, which it checks one by one. */
  readonly required: boolean
  readonly usedBy: string
}

/** Lists the variables that purser.yaml names, each once. */
export function namedVariables({ service, environments }: PurserConfig): NamedVariable[] {
  const all: NamedVariable[] = []
  for (const [environment, { databaseUrlEnv, readOnlyDatabaseUrlEnv, stripe, backups, build, e2e }] of Object.entries(
    environments,
  )) {
    all.push(
      { name: databaseUrlEnv, bare: true, required: true, usedBy: `environments.${environment}.databaseUrlEnv` },
      {
        name: stripe.secretKeyEnv,
        bare: true,
        required: true,
        usedBy: `environments.${environment}.stripe.secretKeyEnv`,
      },
    )
    if (readOnlyDatabaseUrlEnv !== undefined)
      all.push({
        name: readOnlyDatabaseUrlEnv,
        bare: true,
        required: true,
        usedBy: `environments.${environment}.readOnlyDatabaseUrlEnv`,
      })
    const { databaseUrlEnv: testServer, enabled } = backups.testRestore
    if (testServer !== undefined)
      all.push({
        name: testServer,
        bare: true,
        required: enabled,
        usedBy: `environments.${environment}.backups.testRestore.databaseUrlEnv`,
      })
    const commands = { build, e2e, 'backups.command': backups.command ?? { envFrom: {} } }
    for (const [part, { envFrom }] of Object.entries(commands))
      for (const [child, name] of Object.entries(envFrom))
        all.push({ name, bare: false, required: true, usedBy: `environments.${environment}.${part}.envFrom.${child}` })
  }
  const { repositoryTokenEnv } = service
  if (repositoryTokenEnv !== undefined)
    all.push({ name: repositoryTokenEnv, bare: true, required: true, usedBy: 'service.repositoryTokenEnv' })
  for (const { env } of service.credentials)
    all.push({ name: env, bare: false, required: false, usedBy: 'service.credentials' })
  // A variable gets one line, however many places name it.
  return all.filter((variable, index) => all.findIndex(({ name }) => name === variable.name) === index)
}
