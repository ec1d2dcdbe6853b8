import { access, constants, statfs } from 'node:fs/promises'
import { openDatabase } from '../adapters/postgres/database.ts'
import { requireRunner } from '../adapters/runner/socket.ts'
import { openDirectory } from '../adapters/slack/directory.ts'
import { openInstallation } from '../adapters/slack/installation.ts'
import { configPath, readSettings, type Settings } from '../config/environment/environment.ts'
import { overlapsOf } from '../config/environment/overlaps.ts'
import { type PurserConfig, readPurserYaml } from '../config/purser-yaml.ts'
import { fileFindings, lookAround } from '../doctor/doctor.ts'
import { look, missing, note, type Seen, unseen, works } from '../doctor/look.ts'
import { lookAtSlack } from '../doctor/slack.ts'
import { lookAtStateDatabase } from '../doctor/state-database.ts'
import { PurserError } from '../errors.ts'
import { lookAtRedis, type RedisSeen } from '../jobs/redis.ts'
import { doctorLines } from '../messages/doctor/doctor-report.ts'
import { exitCodeOf, type Finding } from '../model/finding.ts'
import { maskOf } from '../outside-text/mask.ts'
import { sqlOn, statePool } from '../store/database.ts'
import { sentence, sizeOf } from '../text.ts'
import { serviceRepository } from './repository.ts'
import { chooseRunner } from './runner.ts'
import { learnSecrets } from './secrets.ts'
import { worlds } from './worlds.ts'

const usage = `usage: npm run doctor [-- --offline]
Reads purser.yaml and the environment as npm start does, asks everything that they name, and changes nothing.
  --offline   reads purser.yaml only, and asks nobody

Exit codes: 0 nothing is missing, 1 something is, 2 something couldn't be looked at.`

type Print = (line: string) => void
type Environment = Readonly<Record<string, string | undefined>>

/** What `npm run doctor` does; the exit code. */
export async function doctorCommand(args: readonly string[], env: Environment, print: Print): Promise<0 | 1 | 2> {
  const [flag, ...more] = args
  if (more.length > 0 || (flag !== undefined && flag !== '--offline')) {
    print(usage)
    return flag === '--help' && more.length === 0 ? 0 : 2
  }
  const findings = await findingsOf(env, flag === '--offline')
  const mask = maskOf()
  for (const line of doctorLines(findings)) print(mask(line))
  return exitCodeOf(findings)
}

async function findingsOf(env: Environment, offline: boolean): Promise<readonly Finding[]> {
  const read: { config?: PurserConfig; settings?: Settings } = {}
  const file = await look('purser.yaml', async () => {
    read.config = readPurserYaml(configPath(env))
    return []
  })
  const { config } = read
  if (config === undefined) return file
  if (offline) return fileFindings(config)
  const variables = await look('environment', async () => {
    read.settings = readSettings(env, config)
    const weak = learnSecrets(read.settings, config).map((weakness) => note(sentence(weakness)))
    return [...weak, ...shared(config, read.settings)]
  })
  const { settings } = read
  const known = [...fileFindings(config), ...variables]
  return settings === undefined ? known : [...known, ...(await everythingElse(config, settings))]
}

function shared({ environments }: PurserConfig, { secrets }: Settings): readonly Seen[] {
  return overlapsOf(environments, (name) => secrets.get(name)?.reveal()).map(({ environments: names, what }) =>
    note(`${names.join(' and ')} share ${what}: while a run changes one of them, none begins in the other.`),
  )
}

async function everythingElse(config: PurserConfig, settings: Settings): Promise<readonly Finding[]> {
  const repository = serviceRepository(config, settings)
  // No look runs a command of a version.
  const runner = await chooseRunner({ ...config, runner: 'optional' }, { ...settings, runner: 'none' }, silent)
  const worldOf = worlds(config, settings, repository, runner)
  const found = await Promise.all([
    look('environment', () => dataDirectory(settings)),
    look('environment', () => isolation(config, settings)),
    stateDatabase(config, settings),
    look('queue', () => queue(settings)),
    slack(config, settings),
    lookAround({ config, repository, worldOf }),
  ])
  return found.flat()
}

const silent = { info() {}, warn() {} }

async function dataDirectory({ dataDirectory: directory }: Settings): Promise<readonly Seen[]> {
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code
    if (why === 'ENOENT') return [note(`${directory} doesn't exist yet. The start makes it.`)]
    return [
      missing(`${directory} can't be written (${why}).`, 'Give it to the user of Purser, or set PURSER_DATA_DIR.'),
    ]
  }
  const { bavail, bsize } = await statfs(directory)
  return [works(`${directory} can be written, ${sizeOf(bavail * bsize)} free.`)]
}

async function isolation(config: PurserConfig, settings: Settings): Promise<readonly Seen[]> {
  const { kind, sentence } = (await chooseRunner(config, settings, silent)).isolation
  if (kind === 'none') return [note(sentence, 'docs/runner.md says how to keep them apart.')]
  if (kind === 'runner' && settings.runner !== undefined) await requireRunner(settings.runner)
  return [works(sentence)]
}

async function stateDatabase(
  { service }: PurserConfig,
  { stateDatabaseUrl, stateDatabaseSchema }: Settings,
): Promise<readonly Finding[]> {
  const pool = statePool(stateDatabaseUrl.reveal(), () => undefined)
  try {
    return await lookAtStateDatabase({
      database: openDatabase({ url: stateDatabaseUrl }),
      sql: sqlOn(pool, stateDatabaseSchema),
      service: service.name,
    })
  } finally {
    await pool.end()
  }
}

const redisLimitMs = 8_000

async function queue({ redis }: Settings): Promise<readonly Seen[]> {
  if (redis === undefined) return [note("REDIS_URL isn't set, so the queue is in the state database.")]
  try {
    const servers = await lookAtRedis(redis, redisLimitMs)
    return servers.length > 0 ? servers.flatMap(serverSeen) : [unseen('Redis answers, and names no primary.')]
  } catch (error) {
    if (error instanceof PurserError) throw error
    const why = error instanceof Error ? error.message : String(error)
    return [missing(`Redis doesn't answer: ${why}.`, 'Check REDIS_URL, and that Redis runs.')]
  }
}

function serverSeen({ version, policy, appendOnly }: RedisSeen): readonly Seen[] {
  const untold = 'Look for `maxmemory-policy noeviction` and `appendonly yes` there yourself.'
  return [
    works(`Redis ${version ?? 'of an unknown version'} answers.`),
    policy === undefined || appendOnly === undefined
      ? unseen("It doesn't tell whether it keeps jobs when its memory is full, and through a restart.", untold)
      : appendOnly
        ? works('It keeps jobs when its memory is full, and through a restart.')
        : note(
            'It keeps jobs when its memory is full, but loses them with its process.',
            'Set `appendonly yes` there.',
          ),
  ]
}

async function slack({ environments }: PurserConfig, { slack: own }: Settings): Promise<readonly Finding[]> {
  const access = { token: own.botToken, ...(own.apiUrl === undefined ? {} : { apiUrl: own.apiUrl }) }
  const appToken = own.receiving?.mode === 'socket' ? own.receiving.appToken : undefined
  return lookAtSlack({
    installation: openInstallation(access, appToken),
    directory: openDirectory(access),
    environments,
    socket: appToken !== undefined,
  })
}
