import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareHome, programs } from '../../sandbox/postgres/home.ts'
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/server.ts'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { commandRestore, openCommandBackups } from '../../src/adapters/postgres/backups/by-command/backups.ts'
import type { BackupCommands } from '../../src/adapters/postgres/backups/by-command/command.ts'
import type { Backups } from '../../src/adapters/postgres/backups/port.ts'
import { toolsForServer } from '../../src/adapters/postgres/connection/client-tools.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}
let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'purser-by-command-'))
  chmodSync(directory, 0o755)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A command that prints these lines, whatever its last word is. */
function says(...lines: readonly string[]): [string, ...string[]] {
  return shell(`cat <<'END'\n${lines.join('\n')}\nEND`)
}

/** A command of a line of shell; `$1` is the word that Purser adds. */
function shell(script: string): [string, ...string[]] {
  return ['sh', '-c', script, 'sh']
}

function answering(line: unknown): [string, ...string[]] {
  return says(JSON.stringify(line))
}

const minute = 60_000
const at = (ago: number): string => new Date(Date.now() - ago).toISOString()
const described = (more: object = {}) => ({
  id: 'snap-2026',
  startedAt: at(10 * minute),
  finishedAt: at(9 * minute),
  bytes: 12,
  proof: 'every page read',
  ...more,
})

function opened(more: Partial<BackupCommands> = {}): Backups {
  const url = new Sensitive('postgresql://purser@127.0.0.1:1/app')
  const commands: BackupCommands = {
    create: says('copying', '{"id":"snap-2026"}'),
    describe: answering(described()),
    verify: says('{"proven":true,"how":"every page read"}'),
    quietMinutes: 1,
    env: {},
    ...more,
  }
  return openCommandBackups({ url, commands, dumps: openBackups({ url, directory: join(directory, 'dumps') }) })
}

describe('a backup that a command makes', () => {
  it('is what the command describes, proven as its verify said', async () => {
    const heard: string[] = []
    const backup = await opened().create('backup_run42', (line) => heard.push(line), never)
    expect(backup).toMatchObject({
      by: 'command',
      file: 'snap-2026',
      database: 'app',
      bytes: 12,
      proof: 'every page read',
    })
    expect(heard).toContain('copying')
  })

  it('is asked for by the name of the run, and described by its id', async () => {
    const log = join(directory, 'words')
    const word = (verb: string, answer: string) => shell(`echo "${verb} $1" >> ${log}; cat <<'END'\n${answer}\nEND`)
    await opened({
      create: word('create', '{"id":"snap-2026"}'),
      verify: word('verify', '{"proven":true,"how":"read"}'),
      describe: word('describe', JSON.stringify(described())),
    }).create('backup_run42', quiet, never)
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual([
      'create backup_run42',
      'verify snap-2026',
      'describe snap-2026',
    ])
  })

  it('gets its secrets by the environment alone, and none of Purser’s others', async () => {
    process.env['PURSER_TEST_OTHER'] = 'hidden'
    try {
      const env = { REPO_KEY: new Sensitive('hush') }
      const create = shell('[ "$REPO_KEY" = hush ] && [ -z "$PURSER_TEST_OTHER" ] && echo \'{"id":"snap-2026"}\'')
      await expect(opened({ create, env }).create('a', quiet, never)).resolves.toMatchObject({ file: 'snap-2026' })
    } finally {
      delete process.env['PURSER_TEST_OTHER']
    }
  })

  const refused: readonly (readonly [string, Partial<BackupCommands>, string])[] = [
    ['exits with an error', { create: shell('echo no room >&2; exit 3') }, 'backup_command_failed'],
    ['prints no JSON', { create: says('done') }, 'backup_command_answer'],
    ['prints nothing', { create: ['true'] }, 'backup_command_answer'],
    ['gives an id that looks like an option', { create: says('{"id":"--all"}') }, 'backup_command_answer'],
    ['gives the name of a dump', { create: says('{"id":"x.dump"}') }, 'backup_command_answer'],
    ['isn’t there', { create: ['/nowhere/backup'] }, 'backup_command_missing'],
    ['is not proven', { verify: says('{"proven":false,"why":"2 pages are damaged"}') }, 'backup_not_proven'],
    ['has a verify that fails', { verify: ['false'] }, 'backup_command_failed'],
    ['has a verify that only exits 0', { verify: ['true'] }, 'backup_command_answer'],
    ['has a verify without how', { verify: says('{"proven":true}') }, 'backup_command_answer'],
    [
      'is described as unproven after all',
      { describe: answering(described({ proof: null })) },
      'backup_command_answer',
    ],
    ['is gone once it was made', { describe: says('null') }, 'backup_missing'],
    ['is described as another', { describe: answering(described({ id: 'snap-2025' })) }, 'backup_command_answer'],
    [
      'comes from the future',
      { describe: answering(described({ finishedAt: at(-60 * minute) })) },
      'backup_command_answer',
    ],
    ['ends before it began', { describe: answering(described({ startedAt: at(minute) })) }, 'backup_command_answer'],
    ['was made at no time', { describe: answering(described({ finishedAt: 'yesterday' })) }, 'backup_command_answer'],
  ]
  it.each(refused)('counts for nothing when it %s', async (_, more, code) => {
    await expect(opened(more).create('a', quiet, never)).rejects.toMatchObject({ code })
  })

  it('keeps what the command said as evidence', async () => {
    const create = shell('echo no room in the repository >&2; exit 3')
    await expect(opened({ create }).create('a', quiet, never)).rejects.toMatchObject({
      message: expect.stringContaining('exited 3') as unknown,
      evidence: ['no room in the repository'],
    })
  })

  it('is ended when it prints nothing for too long, and goes on while it prints', async () => {
    const quietMinutes = 1 / 60
    const hangs = opened({ create: shell('echo begun; exec sleep 60'), quietMinutes })
    await expect(hangs.create('a', quiet, never)).rejects.toMatchObject({
      code: 'command_timed_out',
      evidence: ['begun'],
    })
    const works = shell('for i in 1 2 3 4; do echo $i; sleep 0.4; done; echo \'{"id":"snap-2026"}\'')
    await expect(opened({ create: works, quietMinutes }).create('a', quiet, never)).resolves.toBeDefined()
  })

  it('is ended when the run is', async () => {
    const abort = new AbortController()
    const making = opened({ create: shell('echo begun; exec sleep 60') }).create('a', () => abort.abort(), abort.signal)
    await expect(making).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('is gone only where the command says so, not where it fails', async () => {
    await expect(opened({ describe: says('null') }).find('snap-2026', never)).resolves.toBeUndefined()
    await expect(opened({ describe: ['false'] }).find('snap-2026', never)).rejects.toMatchObject({
      code: 'backup_command_failed',
    })
  })

  it('is another one when its time or size is', async () => {
    const one = await opened().find('snap-2026', never)
    const other = await opened({ describe: answering(described({ bytes: 13 })) }).find('snap-2026', never)
    expect(one?.sha256).not.toBe(other?.sha256)
  })
})

describe('old backups of a command', () => {
  const day = 24 * 60 * minute
  const known = [1, 40, 50, 60].map((days) => ({
    file: `snap-${days}`,
    finishedAt: at(days * day),
    proven: days === 50,
  }))
  const rule = { keep: 1, days: 30, now: new Date(), owns: () => false, known }
  const describe = shell(
    `[ "$1" = snap-60 ] && echo null || cat <<END\n{"id":"$1","startedAt":"${at(day)}","finishedAt":"${at(day)}","bytes":1,"proof":null}\nEND`,
  )

  it('stay where no command removes them, and what the tool let go is noted', async () => {
    await expect(opened({ describe }).retain(rule, never)).resolves.toEqual(['snap-60'])
  })

  it('are removed by the rule, but for the newest and the last proven one', async () => {
    const log = join(directory, 'removed')
    const removing = opened({ describe, remove: shell(`echo "$1" >> ${log}`) })
    await expect(removing.retain(rule, never)).resolves.toEqual(['snap-60', 'snap-40'])
    expect(readFileSync(log, 'utf8').trim()).toBe('snap-40')
  })
})

const installed = spawnSync('pgbackrest', ['version']).status === 0

describe.skipIf(!installed && process.env['CI'] === undefined)('with pgBackRest', () => {
  let server: PostgresServer
  let url: Sensitive
  let commands: BackupCommands
  /** A proof without a second cluster. */
  let quickProof: [string, ...string[]]
  let backups: Backups
  const repository = () => join(directory, 'repository')

  beforeAll(async () => {
    server = await startPostgres({ directory: join(directory, 'server') })
    await server.createDatabase('app')
    url = new Sensitive(server.url('app'))
    ;({ commands, quickProof } = await setUp(server, url, directory))
    const dumps = openBackups({ url, directory: join(directory, 'dumps') })
    backups = openCommandBackups({ url, commands, dumps })
    await ask(
      url.reveal(),
      'create table invoices as select i as id, md5(i::text) as ref from generate_series(1, 1000) as i',
    )
  }, 120_000)
  afterAll(() => server.close())

  it('makes a full and an incremental one, proves them, and brings the incremental one back beside what serves', async () => {
    const first = await backups.create('backup_run1', quiet, never)
    expect(first.file).toMatch(/^\d{8}-\d{6}F$/)
    await ask(url.reveal(), 'delete from invoices where id > 10')
    expect(first).toMatchObject({ proof: 'pgbackrest verify, and every row read in a second cluster' })
    // It is restored below, from a second cluster as well, so this one need not be.
    const quick = { ...commands, verify: quickProof }
    const quickly = openCommandBackups({ url, commands: quick, dumps: openBackups({ url, directory }) })
    const second = await quickly.create('backup_run2', quiet, never)
    expect(second.file).toMatch(/^\d{8}-\d{6}F_\d{8}-\d{6}I$/)
    // A worker that takes the phase over asks by the same name, and no third one is made.
    expect((await quickly.create('backup_run2', quiet, never)).file).toBe(second.file)
    expect(await backups.verify(first.file, never)).toMatchObject({ sha256: first.sha256 })

    await ask(url.reveal(), 'truncate invoices')
    const restores = openRestores({ url, directory: join(directory, 'dumps'), byCommand: commandRestore(commands) })
    const names = restores.names(43)
    await restores.prepare({ names, file: second.file, sha256: second.sha256, onProgress: quiet }, never)
    expect(await restores.swapState(names, never)).toBe('prepared')
    await restores.swap(names, never)
    expect(await ask(url.reveal(), 'select count(*)::int as rows from invoices')).toEqual([{ rows: 10 }])
    await restores.swapBack(names, never)
    expect(await ask(url.reveal(), 'select count(*)::int as rows from invoices')).toEqual([{ rows: 0 }])
  }, 300_000)

  it('does not call proven what is damaged in the repository', async () => {
    const files = execFileSync('find', [
      join(repository(), 'backup'),
      '-path',
      '*F/pg_data/base/*',
      '-name',
      '*.gz',
      '-size',
      '+8k',
    ])
    const [file = ''] = files.toString().trim().split('\n')
    chmodSync(file, 0o660)
    const bytes = readFileSync(file)
    bytes.fill(0, 400, 420)
    writeFileSync(file, bytes)
    await expect(backups.create('backup_run2', quiet, never)).rejects.toMatchObject({ code: 'backup_not_proven' })
  }, 120_000)
})

/** The script of deploy/, run as whoever owns the server's files, as it is where pgBackRest runs beside the server. */
async function setUp(server: PostgresServer, url: Sensitive, directory: string) {
  const [row] = await ask(url.reveal(), 'show data_directory')
  const data = String(row?.['data_directory'])
  const { uid, gid } = statSync(data)
  const own = (path: string): string => {
    mkdirSync(path, { recursive: true })
    if (process.getuid?.() === 0) execFileSync('chown', [`${uid}:${gid}`, path])
    return path
  }
  const config = join(directory, 'pgbackrest.conf')
  const repository = own(join(directory, 'repository'))
  const locks = own(join(directory, 'locks'))
  const scratch = own(join(directory, 'scratch'))
  writeFileSync(
    config,
    `[global]\nrepo1-path=${repository}\nrepo1-retention-full=2\nlog-level-file=off\nlock-path=${locks}\nstart-fast=y\ncompress-level=1\nprocess-max=2
[app]\npg1-path=${data}\npg1-port=${server.port}\n`,
  )
  const script = join(directory, 'pgbackrest-backups.mjs')
  copyFileSync(fileURLToPath(new URL('../../deploy/pgbackrest-backups.mjs', import.meta.url)), script)
  await ask(url.reveal(), 'alter system set archive_mode = on')
  await ask(
    url.reveal(),
    `alter system set archive_command = 'pgbackrest --config=${config} --stanza=app archive-push %p'`,
  )
  await server.restart()
  const { directory: tools = '/usr/bin' } = await toolsForServer(url, undefined, never)
  const { postgres } = await programs(await prepareHome(join(directory, 'server')), 15)
  const address = new URL(url.reveal())
  const env = {
    PGBACKREST_CONFIG: config,
    PGBACKREST_STANZA: 'app',
    PGHOST: address.hostname,
    PGUSER: address.username,
    PGPASSWORD: address.password,
    PG_BIN: dirname(postgres),
    PG_CLIENT_BIN: tools,
    SCRATCH: scratch,
    SOURCE_DATABASE: 'app',
  }
  const as = process.getuid?.() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : []
  const [program, ...rest] = [...as, process.execPath, script]
  execFileSync(as[0] ?? 'pgbackrest', [...as.slice(1), ...(as.length > 0 ? ['pgbackrest'] : []), 'stanza-create'], {
    env: { ...process.env, ...env },
  })
  const run = (verb: string): [string, ...string[]] => [program, ...rest, verb]
  const commands: BackupCommands = {
    create: run('create'),
    describe: run('describe'),
    verify: run('verify'),
    restore: run('restore'),
    remove: run('remove'),
    quietMinutes: 1,
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, new Sensitive(value)])),
  }
  const annotates = 'pgbackrest annotate "--set=$1" --annotation=purser-proof=quick'
  const [shellAs, ...words] = [...as, ...shell(`${annotates} && echo '{"proven":true,"how":"quick"}'`)]
  const quickProof: [string, ...string[]] = [shellAs ?? 'sh', ...words]
  return { commands, quickProof }
}
