import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { ConfigError } from '../../src/config/config-error.ts'
import { purserJsonSchema } from '../../src/config/json-schema.ts'
import { parsePurserYaml, readPurserYaml } from '../../src/config/purser-yaml.ts'

const committed = fileURLToPath(new URL('../../purser.yaml', import.meta.url))
const text = readFileSync(committed, 'utf8')

/** The committed file with one value set at a path (or removed with undefined). */
function withValue(...edits: [path: string, value: unknown][]): string {
  const file = parse(text) as Record<string, unknown>
  for (const [path, value] of edits) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    const holder = keys.reduce((node, key) => node[key] as Record<string, unknown>, file)
    if (value === undefined) delete holder[last]
    else holder[last] = value
  }
  return stringify(file)
}

function sampleService(): object {
  return { ...(parse(text) as { service: object }).service, repositoryTokenEnv: 'GIT_TOKEN' }
}

function problemsOf(yaml: string): readonly string[] {
  try {
    parsePurserYaml(yaml, 'purser.yaml')
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe("the committed purser.yaml is the runbook's case", () => {
  const config = parsePurserYaml(text, committed)

  it('names what the runbook names', () => {
    const { service, environments, defaultEnvironment } = config
    expect(service.image.repository).toBe('valuecanvas/api')
    expect(service.stripe).toMatchObject({
      secret: { name: 'stripe-credentials', key: 'webhook-secret' },
      events: ['invoice.*', 'customer.subscription.*', 'charge.*'],
    })
    expect(service.preflight.commands.map(({ run }) => run.join(' '))).toEqual([
      'npm test -- --run src/services/billing/__tests__/',
      'npm test -- --run src/config/__tests__/billing.test.ts',
      'npm run build',
    ])
    expect(service.verify.queries).toHaveLength(4)
    expect(Object.values(service.phases).map(({ minutes }) => minutes)).toEqual([5, 5, 10, 5, 5, 10, 30])
    expect(environments['production']?.webhookUrl).toBe('https://api.valuecanvas.com/api/billing/webhooks/stripe')
    expect(defaultEnvironment).toBe('production')
  })
})

describe('service.paths', () => {
  it.each(['src/billing/**', '*.sql', 'a..b/..c', 'docs/a b*', '[ab]/x', '-v'])('takes %j', (glob) => {
    expect(problemsOf(withValue(['service.paths', [glob]]))).toEqual([])
  })

  it.each([':(attr:x)a', ':!a', '!a', '/etc/passwd', '..', '../a', 'a/../b', 'a/..', '', 'a\nb', 'a\0b', 7])(
    'refuses %j',
    (glob) => {
      const problems = problemsOf(withValue(['service.paths', [glob]]))
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatch(/^service\.paths\[0\] \(line /)
    },
  )
})

describe('service.stripe.ignored', () => {
  it.each([['invoice.created'], ['invoice.*'], ['customer.tax_id.*']])('takes %s of a subscribed family', (name) => {
    const events = ['invoice.*', 'customer.*']
    expect(problemsOf(withValue(['service.stripe.events', events], ['service.stripe.ignored', [name]]))).toEqual([])
  })

  it.each([['payout.paid'], ['invoice.*'], ['*']])('refuses %s where it is not subscribed', (name) => {
    const yaml = withValue(['service.stripe.events', ['invoice.paid']], ['service.stripe.ignored', [name]])
    expect(problemsOf(yaml)).toEqual([expect.stringMatching(/^service\.stripe\.ignored\[0\] \(line /)])
  })
})

describe('a purser.yaml with problems', () => {
  it('tells all of them at once, each with its path, its line and the fix', () => {
    const yaml = withValue(
      ['service.deployment', undefined],
      ['service.image.repository', 'valuecanvas/api:v1'],
      ['service.migrations.baseline', 20260101092000],
      ['service.monitor.metrics.0.atMoost', 3],
      ['environments.production.policy.approvals', 'two'],
      ['environments.staging.stripe.mode', 'sandbox'],
      ['defaultEnvironment', 'prod'],
    )
    const problems = problemsOf(yaml)

    const line = yaml.split('\n').findIndex((each) => each.includes('approvals: two')) + 1
    expect(problems).toContainEqual(
      expect.stringMatching(
        new RegExp(`^environments\\.production\\.policy\\.approvals \\(line ${line}\\): expected number`),
      ),
    )
    const paths = problems.map((problem) => problem.replace(/[ :].*/, ''))
    expect(paths.toSorted()).toEqual([
      'defaultEnvironment',
      'environments.production.policy.approvals',
      'environments.staging.stripe.mode',
      'service.deployment',
      'service.image.repository',
      'service.migrations.expect[0].file',
      'service.migrations.expect[1].file',
      'service.monitor.metrics[0]',
    ])
  })

  it.each<[string, string, unknown, RegExp]>([
    ['a shell string for a command', 'service.e2e.run', 'npm test', /e2e\.run.*must be a list of words/],
    [
      'an unknown placeholder',
      'service.e2e.env',
      { A: '{nope}' },
      /unknown placeholder \{nope\}\. Known: \{environment\}/,
    ],
    [
      'a regex that does not compile',
      'service.monitor.logs.errors',
      ['(billing'],
      /errors\[0\].*isn't a valid regular expression/,
    ],
    [
      'an environment before that there is not',
      'environments.production.policy.after',
      'moon',
      /production\.policy\.after.*names moon, which doesn't exist. Write one of: production, staging/,
    ],
    [
      'an environment that comes before itself',
      'environments.production.policy.after',
      'production',
      /production\.policy\.after.*leads back to production/,
    ],
    ['a query that writes', 'service.verify.queries.0.sql', 'DELETE FROM x', /sql.*must begin with SELECT or WITH/],
    ['two statements', 'service.verify.queries.0.sql', "SELECT ';' ; DROP TABLE x", /sql.*holds 2 statements/],
    ['an empty query', 'service.verify.queries.0.sql', ' ; -- nothing', /sql.*is empty/],
    [
      'a manifest outside the repository',
      'service.cronJobs.0.manifest',
      '../x.yaml',
      /must be a path inside the repository/,
    ],
    [
      'one name twice',
      'service.verify.queries.1.name',
      'webhook_events',
      /queries\[1\]\.name.*webhook_events is there twice/,
    ],
    [
      'live Stripe without https',
      'environments.production.webhookUrl',
      'http://a.example/x',
      /webhookUrl.*must begin with https/,
    ],
    [
      'a channel name',
      'environments.production.policy.channels',
      ['#deploys'],
      /channels\[0\].*must be a Slack channel id/,
    ],
    [
      'a token over plain ways',
      'service',
      { ...sampleService(), repository: 'http://git.example/x' },
      /repositoryTokenEnv.*https/,
    ],
    [
      'a token in the address of the repository',
      'service.repository',
      'https://x-access-token:ghp_abcdef@github.com/acme/api.git',
      /service\.repository .*must not hold a user, a password or a token: name the variable/,
    ],
    ['a token as its user', 'service.repository', 'https://ghp_abcdef@github.com/acme/api', /must not hold a user/],
    ['a password for ssh', 'service.repository', 'ssh://git:hunter2@git.example/api.git', /must not hold a user/],
    [
      'a build by shell',
      'service.image.build',
      { run: ['docker build .'] },
      /build\.run\[0\].*must be a list of words/,
    ],
    ['a build of nothing', 'service.image.build', 'docker', /image\.build \(line \d+\): must be none, or /],
    [
      'an unknown setting of a build',
      'service.image.build',
      { run: [['make']], shell: true },
      /unknown key shell.*timeoutMinutes/,
    ],
    [
      'an unknown word in a build',
      'service.image.build',
      { run: [['make', '{tag}']] },
      /run\[0\]\[1\].*\{tag\}.*\{image\}/,
    ],
    [
      'a build longer than its phase may take',
      'service.image.build',
      { run: [['make']], timeoutMinutes: 11 },
      /phases\.preflight\.minutes.*after 10 minutes, before the time limit of service\.image\.build/,
    ],
    ['no channel', 'environments.production.policy.channels', [], /channels.*>=1 items/],
    ['more approvals than approvers', 'environments.production.policy.approvers', [], /approvers/],
    ['no environment', 'environments', {}, /^environments.*at least one environment/],
  ])('refuses %s', (_, path, value, message) => {
    expect(problemsOf(withValue([path, value])).join('\n')).toMatch(message)
  })

  it.each<[string, [string, unknown][], RegExp]>([
    [
      'production’s database for a script of staging',
      [['environments.staging.e2e', { envFrom: { DATABASE_URL: 'PRODUCTION_DATABASE_URL' } }]],
      /^environments\.staging\.e2e\.envFrom\.DATABASE_URL.*names PRODUCTION_DATABASE_URL, which is the database of production \(environments\.production\.databaseUrlEnv\).*sharedEnv: \[PRODUCTION_DATABASE_URL\]/,
    ],
    [
      'the role that reads production for a script of staging',
      [
        ['environments.production.readOnlyDatabaseUrlEnv', 'READING_URL'],
        ['environments.staging.e2e', { envFrom: { DATABASE_URL: 'READING_URL' } }],
      ],
      /staging\.e2e\.envFrom\.DATABASE_URL.*which is the database of production \(environments\.production\.readOnly/,
    ],
    [
      'production’s key for a build of staging',
      [
        ['service.image.build', { run: [['make']] }],
        ['environments.staging.build', { envFrom: { KEY: 'STRIPE_SECRET_KEY' } }],
      ],
      /staging\.build\.envFrom\.KEY.*which is the key of production/,
    ],
    [
      'one key for two environments',
      [['environments.staging.stripe.secretKeyEnv', 'STRIPE_SECRET_KEY']],
      /staging\.stripe\.secretKeyEnv.*which is the key of production/,
    ],
    [
      'production’s database for the scratch databases of staging',
      [['environments.staging.backups', { testRestore: { databaseUrlEnv: 'PRODUCTION_DATABASE_URL' } }]],
      /staging\.backups\.testRestore\.databaseUrlEnv.*the database of production/,
    ],
    [
      'Purser’s own secrets for a command',
      [['environments.staging.e2e', { envFrom: { TOKEN: 'SLACK_BOT_TOKEN' } }]],
      /staging\.e2e\.envFrom\.TOKEN.*names SLACK_BOT_TOKEN, which is Purser's own/,
    ],
    [
      'Purser’s own secrets for the command of the backups',
      [['environments.staging.backups', { by: 'command', command: backupCommand({ TOKEN: 'SLACK_BOT_TOKEN' }) }]],
      /staging\.backups\.command\.envFrom\.TOKEN.*names SLACK_BOT_TOKEN, which is Purser's own/,
    ],
    [
      'production’s database for the command of the backups of staging',
      [['environments.staging.backups', { by: 'command', command: backupCommand({ A: 'PRODUCTION_DATABASE_URL' }) }]],
      /staging\.backups\.command\.envFrom\.A.*the database of production/,
    ],
    [
      'backups by a command that is not named',
      [['environments.staging.backups', { by: 'command' }]],
      /staging\.backups\.command.*by: command wants it/,
    ],
    [
      'a command that nobody would run',
      [['environments.staging.backups', { command: backupCommand() }]],
      /staging\.backups\.by.*must be command/,
    ],
    [
      'a variable that is set twice',
      [['environments.staging.e2e', { envFrom: { BILLING_API_URL: 'A' } }]],
      /staging\.e2e\.envFrom\.BILLING_API_URL.*is set in service\.e2e\.env too/,
    ],
    [
      'a secret for a build that there is not',
      [['environments.staging.build', { envFrom: { TOKEN: 'A' } }]],
      /staging\.build\.envFrom\.TOKEN.*service\.image\.build is none/,
    ],
    ['details that go within the week', [['retention', { days: 6 }]], /retention\.days.*must be 7 or more/],
    [
      'details that go before the button Roll back',
      [
        ['retention', { days: 7 }],
        ['environments.production.policy.rollbackButtonHours', 169],
      ],
      /retention\.days.*shorter than environments\.production\.policy\.rollbackButtonHours.*Write 8 or more/,
    ],
    ['a shared variable that nobody shares', [['sharedEnv', ['A']]], /sharedEnv\[0\].*names A, which no two/],
    [
      'the one list for all environments that there once was, and says where it goes',
      [['service.e2e.envFrom', { DATABASE_URL: 'PRODUCTION_DATABASE_URL' }]],
      /service\.e2e\.envFrom.*write it as environments\.NAME\.e2e\.envFrom, in each environment/,
    ],
    [
      'the same of a build',
      [['service.image.build', { run: [['make']], envFrom: { A: 'B' } }]],
      /service\.image\.build\.envFrom.*write it as environments\.NAME\.build\.envFrom/,
    ],
  ])('refuses %s', (_, edits, message) => {
    expect(problemsOf(withValue(...edits)).join('\n')).toMatch(message)
  })

  it('lets two environments share what is named as shared, and servers for scratch databases without that', () => {
    const shared = withValue(
      ['environments.staging.e2e', { envFrom: { DATABASE_URL: 'PRODUCTION_DATABASE_URL' } }],
      ['sharedEnv', ['PRODUCTION_DATABASE_URL']],
    )
    expect(problemsOf(shared)).toEqual([])
    const scratch = { testRestore: { databaseUrlEnv: 'SCRATCH_DATABASE_URL' } }
    expect(
      problemsOf(withValue(['environments.staging.backups', scratch], ['environments.production.backups', scratch])),
    ).toEqual([])
  })

  it('refuses a quorum that can never be reached, by anyone or by one deployer', () => {
    const policy = 'environments.production.policy'
    const people = (approvals: number, restoreApprovals = 1): string =>
      withValue(
        [`${policy}.deployers`, ['UDANA']],
        [`${policy}.approvers`, ['UDANA', 'UALEX']],
        [`${policy}.approvals`, approvals],
        [`${policy}.restoreApprovals`, restoreApprovals],
      )
    expect(problemsOf(people(1))).toEqual([])
    expect(problemsOf(people(2)).join()).toMatch(/UDANA could never get a run approved/)
    expect(problemsOf(people(1, 2)).join()).toMatch(/restoreApprovals .*UDANA could never get a run approved/)
    expect(problemsOf(people(3)).join()).toMatch(/asks for 3 people, but only 2 can approve/)
  })

  it('refuses a rollback without asking where each rollback has to be approved', () => {
    const policy = 'environments.production.policy'
    const automatic = (rollbackApprovals: number) =>
      problemsOf(withValue([`${policy}.autoRollback`, true], [`${policy}.rollbackApprovals`, rollbackApprovals]))
    expect(automatic(0)).toEqual([])
    expect(automatic(1).join()).toMatch(/autoRollback .*rolls back without asking.*Set rollbackApprovals to 0/)
  })

  it('does not let Purser start while it holds the placeholders of the example', () => {
    const start = () => readPurserYaml(committed)
    expect(start).toThrow(ConfigError)
    for (const named of [
      /policy\.deployers\[0\] \(line \d+\): still holds the placeholder SREPLACE/,
      /contacts\.onCall.*\[Phone\]/,
    ])
      expect(start).toThrow(named)
    const [first] = text.split('\n').flatMap((line, index) => (line.includes('SREPLACE') ? [index + 1] : []))
    expect(start).toThrow(`environments.production.policy.deployers[0] (line ${first})`)
  })

  it('says where YAML itself is broken', () => {
    expect(problemsOf('service:\n  name: [a\nb: 2').join()).toMatch(/^line 3, column 1: /)
  })

  it('treats an empty file as one that lacks everything', () => {
    expect(problemsOf('').map((problem) => problem.split(':')[0])).toEqual(['service', 'environments'])
  })
})

it('takes the only environment for the default, and accepts digits that YAML reads as a number', () => {
  const file = parse(text) as { environments: Record<string, unknown>; defaultEnvironment?: string }
  delete file.environments['production']
  delete file.defaultEnvironment
  const config = parsePurserYaml(stringify(file).replace('"20260101090000"', '20260101090000'), 'purser.yaml')
  expect(config.defaultEnvironment).toBe('staging')
  expect(config.service.migrations.baseline).toBe('20260101090000')
})

it('keeps purser.schema.json fresh (npm run schema writes it)', () => {
  const schema = readFileSync(new URL('../../purser.schema.json', import.meta.url), 'utf8')
  expect(JSON.parse(schema)).toEqual(purserJsonSchema())
  expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/purser\.schema\.json\n/)
})

function backupCommand(envFrom: Readonly<Record<string, string>> = {}) {
  return { create: ['backup', 'create'], describe: ['backup', 'describe'], verify: ['backup', 'verify'], envFrom }
}
