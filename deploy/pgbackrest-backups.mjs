#!/usr/bin/env node
// Backups by pgBackRest for Purser (`backups.by: command`): docs/backups-by-command.md tells how it is set up.
//
//   create NAME   an incremental backup (a full one where there is none), found again by its name
//   describe ID   what it is, or null
//   verify ID     checksums of the whole repository, then a restore into a second cluster, of which every row is read
//   restore ID    the same second cluster, copied into the empty database that PGHOST … PGDATABASE name
//   remove ID     the backup, and those that build upon it
//
// Where the repository is and how it is read is pgBackRest's own business: its file, or PGBACKREST_STANZA and the like.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const {
  // The programs of the server's own version.
  PG_BIN = '/usr/lib/postgresql/15/bin',
  PG_CLIENT_BIN = PG_BIN,
  // Where the second cluster is made, which is as large as the first one.
  SCRATCH = tmpdir(),
  SUPERUSER = 'postgres',
  BACKUP_TYPE = 'incr',
  SOURCE_DATABASE = 'postgres',
} = process.env
const [, , verb = '', word] = process.argv

const verbs = { create, describe, verify, restore, remove }
if (!Object.hasOwn(verbs, verb) || word === undefined)
  fail('usage: create NAME, or describe, verify, restore, remove ID')
verbs[verb](word)

function create(name) {
  if (find(({ annotation }) => annotation?.['purser-name'] === name) === undefined)
    pgbackrest('backup', `--type=${BACKUP_TYPE}`, `--annotation=purser-name=${name}`)
  answer({ id: find(({ annotation }) => annotation?.['purser-name'] === name)?.label })
}

function describe(id) {
  const backup = find(({ label }) => label === id)
  if (backup === undefined) return answer(null)
  const { timestamp, info, annotation, error } = backup
  const at = (seconds) => new Date(seconds * 1_000).toISOString()
  return answer({
    id,
    startedAt: at(timestamp.start),
    finishedAt: at(timestamp.stop),
    bytes: info.size,
    // `error` says that a page of the database had a wrong checksum.
    proof: error === true ? null : (annotation?.['purser-proof'] ?? null),
  })
}

function verify(id) {
  const backup = find(({ label }) => label === id) ?? fail(`there is no backup ${id}`)
  if (backup.error === true) return answer({ proven: false, why: 'pages of the database had wrong checksums' })
  // Its exit code is 0 whatever it finds, so its report is read.
  const report = output('pgbackrest', ['verify', '--output=text', '--verbose'])
  console.log(report)
  const clean = /^status: ok$/m.test(report) && report.includes(`backup: ${id}, status: valid,`)
  if (!clean) return answer({ proven: false, why: 'pgbackrest verify found errors' })
  withSecondCluster(id, (env) => run(join(PG_CLIENT_BIN, 'pg_dumpall'), ['--no-sync', '--file=/dev/null'], env))
  const how = 'pgbackrest verify, and every row read in a second cluster'
  pgbackrest('annotate', `--set=${id}`, `--annotation=purser-proof=${how}`)
  return answer({ proven: true, how })
}

function restore(id) {
  const { PGDATABASE } = process.env
  if (PGDATABASE === undefined) return fail('PGDATABASE names the new database')
  withSecondCluster(id, (env) => {
    const archive = join(env.PGHOST, 'copy')
    run(join(PG_CLIENT_BIN, 'pg_dump'), ['--format=directory', '--jobs=4', `--file=${archive}`, SOURCE_DATABASE], env)
    run(
      join(PG_CLIENT_BIN, 'pg_restore'),
      ['--exit-on-error', '--jobs=4', `--dbname=${PGDATABASE}`, archive],
      process.env,
    )
  })
}

function remove(id) {
  pgbackrest('expire', `--set=${id}`)
}

/** Restores the backup, as it was when it ended, into a cluster of its own that only this user can reach. */
function withSecondCluster(id, work) {
  const directory = mkdtempSync(join(SCRATCH, 'purser-second-cluster-'))
  const data = join(directory, 'data')
  const control = (...args) => run(join(PG_BIN, 'pg_ctl'), [`--pgdata=${data}`, ...args])
  try {
    mkdirSync(data, { mode: 0o700 })
    pgbackrest(
      'restore',
      `--set=${id}`,
      `--pg1-path=${data}`,
      '--type=immediate',
      '--target-action=promote',
      '--archive-mode=off',
    )
    // Debian keeps both files outside of the data directory.
    if (!existsSync(join(data, 'postgresql.conf'))) writeFileSync(join(data, 'postgresql.conf'), '')
    writeFileSync(join(directory, 'hba.conf'), 'local all all trust\n')
    const settings = {
      listen_addresses: '',
      unix_socket_directories: directory,
      hba_file: join(directory, 'hba.conf'),
      port: 5432,
      hot_standby: 'off',
    }
    const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`)
    control('--wait', '--timeout=86400', `--log=${join(directory, 'log')}`, `--options=${flags.join(' ')}`, 'start')
    waitUntilReady(directory)
    const { PGPASSWORD: _, PGSSLMODE: _mode, ...env } = process.env
    work({ ...env, PGHOST: directory, PGPORT: '5432', PGUSER: SUPERUSER })
  } finally {
    if (existsSync(join(data, 'postmaster.pid'))) control('--mode=immediate', 'stop')
    rmSync(directory, { recursive: true, force: true })
  }
}

/** It has started before it has recovered; without hot standby its settings need not be those of the first cluster. */
function waitUntilReady(directory) {
  const ask = [`--host=${directory}`, '--port=5432']
  for (let unanswered = 0; ;) {
    const { status } = spawnSync(join(PG_CLIENT_BIN, 'pg_isready'), ask, { stdio: 'inherit' })
    if (status === 0) return
    // 1 says that it recovers, however long that takes.
    unanswered = status === 1 ? 0 : unanswered + 1
    if (unanswered > 30) {
      console.error(readFileSync(join(directory, 'log'), 'utf8').slice(-4_000))
      throw new Error('the second cluster gives no answer')
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  }
}

function find(wanted) {
  const [stanza] = JSON.parse(output('pgbackrest', ['info', '--output=json']))
  return stanza?.backup?.findLast(wanted)
}

function pgbackrest(...args) {
  run('pgbackrest', [...args, '--log-level-console=detail'])
}

/** What it prints goes to Purser, who ends a command that is silent for long. */
function run(program, args, env = process.env) {
  const { status, error } = spawnSync(program, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw error ?? new Error(`${program} ${args[0]}: exit ${status}`)
}

function output(program, args) {
  const { status, error, stdout } = spawnSync(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw error ?? new Error(`${program} ${args[0]}: exit ${status}`)
  return stdout
}

/** Purser reads the last line. */
function answer(value) {
  console.log(JSON.stringify(value))
}

function fail(why) {
  console.error(why)
  process.exit(1)
}
