import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import type { BackupManifest, DumpBackups as Backups } from '../../src/adapters/postgres/backups/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { backupPlace } from '../../src/adapters/object-storage/backup-storage.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type S3Simulator, startS3 } from '../../sandbox/s3/server.ts'
import { S3Problem } from '../../sandbox/s3/problems.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}
const keys = { accessKeyId: 'AKIDSANDBOX', secretAccessKey: 'sandbox+secret/key' }
const location = 's3://backups/billing/production'

describe('backups in a storage that speaks S3', { timeout: 90_000 }, () => {
  let postgres: TestPostgres
  let s3: S3Simulator
  let url: string
  let directory: string
  let backups: Backups
  let place: ReturnType<typeof backupPlace>
  /** Made by the first test, used by the others. */
  let made: BackupManifest

  beforeAll(async () => {
    postgres = await startTestPostgres()
    s3 = await startS3({ ...keys, region: 'eu-central-1', bucket: 'backups', pageSize: 3 })
    vi.stubEnv('AWS_ACCESS_KEY_ID', keys.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', keys.secretAccessKey)
    url = await postgres.database()
    // Hardly compressible, so that one file needs several parts of 8 MiB.
    await ask(
      url,
      `create table events as select n as id, (select string_agg(md5(n::text || k::text), '') from generate_series(1, 40) k) as body
         from generate_series(1, 13000) n;
       create table small (id bigserial primary key); insert into small select from generate_series(1, 7)`,
    )
  }, 60_000)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await s3.close()
    await postgres.close()
  })
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'purser-s3-'))
    place = backupPlace(location, { region: 'eu-central-1', endpoint: s3.url, forcePathStyle: true }, directory)
    backups = openBackups({ url: new Sensitive(url), ...place, testRestore: { enabled: false } })
    return async () => {
      s3.before = quiet
      await rm(directory, { recursive: true, force: true })
    }
  })

  const keysThere = (): string[] => [...s3.bucket.objects.keys()].sort()

  it('go there in parts, stay nowhere else, and come back for a restore as they were', async () => {
    const progress: string[] = []
    const manifest = await backups.create('run-42', (line) => progress.push(line), never)
    made = manifest
    expect(await readdir(directory)).toEqual([])
    expect(keysThere()).toContain('billing/production/run-42.dump/toc.dat')
    expect(s3.requests.findLast((request) => request.startsWith('PUT '))).toBe(
      'PUT backups/billing/production/run-42.dump.json?x-id=PutObject',
    )
    expect(keysThere()).not.toContain('billing/production/run-42.dump.begun')
    expect([...s3.bucket.objects.values()].map(({ etag }) => etag)).toContainEqual(expect.stringMatching(/-[2-9]$/))
    expect(s3.bucket.uploads.size).toBe(0)
    expect(progress).toContainEqual(expect.stringMatching(/^uploading to s3:\/\/backups: [\d.]+ MB of [\d.]+ MB$/))
    expect(await backups.list(never)).toEqual([manifest])
    expect(await backups.verify('run-42.dump', never)).toEqual(manifest)
    expect(await backups.create('run-42', quiet, never)).toEqual(manifest)

    await ask(url, 'delete from events where id > 10; insert into small default values')
    const restores = openRestores({ url: new Sensitive(url), ...place })
    const names = restores.names(43)
    await restores.prepare({ names, file: manifest.file, sha256: manifest.sha256, onProgress: quiet }, never)
    expect(await readdir(directory)).toEqual([])
    const restored = new URL(url)
    restored.pathname = `/${names.restored}`
    expect(
      await ask(restored.href, "select (select count(*)::int from events) as e, nextval('small_id_seq')::int as n"),
    ).toEqual([{ e: 13_000, n: 8 }])
    await restores.discard(names, never)
    await ask(
      url,
      `insert into events select n, (select string_agg(md5(n::text || k::text), '') from generate_series(1, 40) k) from generate_series(11, 13000) n`,
    )
  })

  it('are found damaged, whatever was changed, and never restored', async () => {
    const manifest = made
    const key = keysThere().find((it) => /\.(gz|zst)$/.test(it)) ?? ''
    const whole = s3.bucket.get(key).body
    const restores = openRestores({ url: new Sensitive(url), ...place })
    const restoring = () =>
      restores.prepare(
        { names: restores.names(44), file: manifest.file, sha256: manifest.sha256, onProgress: quiet },
        never,
      )
    for (const body of [whole.subarray(1), Buffer.concat([whole.subarray(0, -1), Buffer.from([1])])]) {
      s3.bucket.put(key, body)
      await expect(backups.verify('run-42.dump', never)).rejects.toMatchObject({ code: 'backup_damaged' })
      await expect(restoring()).rejects.toMatchObject({ code: 'backup_damaged' })
    }
    s3.bucket.objects.delete(key)
    await expect(backups.verify('run-42.dump', never)).rejects.toMatchObject({ code: 'backup_damaged' })
    s3.bucket.put(key, whole)
    expect(await backups.verify('run-42.dump', never)).toEqual(manifest)
    await expect(backups.verify('run-7.dump', never)).rejects.toMatchObject({ code: 'backup_missing' })
    await restores.discard(restores.names(44), never)
  })

  it('may be killed with kill -9 in the middle of a part: the next try cleans up and finishes', async () => {
    const script = `
      import { openBackups } from './src/adapters/postgres/backups/backups.ts'
      import { backupPlace } from './src/adapters/object-storage/backup-storage.ts'
      import { Sensitive } from './src/sensitive.ts'
      const s3 = { region: 'eu-central-1', endpoint: process.env.S3, forcePathStyle: true }
      const place = backupPlace('${location}', s3, process.env.DIRECTORY)
      await openBackups({ url: new Sensitive(process.env.URL), ...place, testRestore: { enabled: false } })
        .create('run-43', () => {}, new AbortController().signal)`
    let reached = (): void => {}
    const atSecondPart = new Promise<void>((resolve) => (reached = resolve))
    s3.before = async (request) => {
      if (!request.includes('partNumber=2')) return
      reached()
      await new Promise(() => {})
    }
    const worker = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, URL: url, S3: s3.url, DIRECTORY: directory },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await atSecondPart
    worker.kill('SIGKILL')
    await once(worker, 'close')
    expect(s3.bucket.uploads.size).toBe(1)
    // The storage's clock may be ahead of ours.
    for (const upload of s3.bucket.uploads.values()) upload.initiated = new Date(Date.now() + 60_000)
    expect((await backups.list(never)).map(({ file }) => file)).toEqual(['run-42.dump'])

    s3.before = quiet
    s3.bucket.put('billing/production/run-43.dump/left.dat', Buffer.from('of an older try'))
    const manifest = await backups.create('run-43', quiet, never)
    expect(s3.bucket.uploads.size).toBe(0)
    expect(await backups.verify('run-43.dump', never)).toEqual(manifest)
    expect(await readdir(directory)).toEqual([])
  })

  it('can be cancelled while they are uploaded, and leave no part behind', async () => {
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    s3.before = (request) => {
      if (request.includes('partNumber=2')) cancel.abort(reason)
    }
    await expect(backups.create('run-44', quiet, cancel.signal)).rejects.toBe(reason)
    expect(s3.bucket.uploads.size).toBe(0)
    expect(keysThere()).not.toContain('billing/production/run-44.dump.json')
    expect(await readdir(directory)).toEqual([])
  })

  it('are let go by the rule, never the last that was proven, and what died a day ago goes with them', async () => {
    s3.bucket.objects.clear()
    const put = (file: string, manifest: Partial<BackupManifest>): void => {
      s3.bucket.put(`billing/production/${file}/toc.dat`, Buffer.from(file))
      s3.bucket.put(`billing/production/${file}.json`, Buffer.from(JSON.stringify({ ...made, file, ...manifest })))
    }
    const skipped = { outcome: 'skipped', reason: 'x' } as const
    put('a_1.dump', { finishedAt: '2026-01-01T00:00:00.000Z', restoreTest: { outcome: 'passed', milliseconds: 1 } })
    for (const [file, day] of Object.entries({
      'a_2.dump': '2026-02-01',
      'a_3.dump': '2026-03-01',
      'b_1.dump': '2026-01-01',
    }))
      put(file, { finishedAt: `${day}T00:00:00.000Z`, restoreTest: skipped })
    for (const dead of [
      'dead.dump/toc.dat',
      'dead.dump.begun',
      'young.dump/toc.dat',
      'young.dump.begun',
      'a_3.dump.begun',
      'somebody-elses.txt',
      'somebody-elses.dump/toc.dat',
    ])
      s3.bucket.put(`billing/production/${dead}`, Buffer.from('x'))
    const old = new Date(Date.now() - 25 * 3_600_000)
    for (const [key, object] of s3.bucket.objects) if (!key.includes('young')) object.modified = old
    const [, ...othersUploads] = ['dead', 'young', 'somebody-elses'].map((name) =>
      s3.bucket.begin(`billing/production/${name}.dump/1.dat.gz`),
    )
    for (const upload of s3.bucket.uploads.values()) upload.initiated = old

    const owns = (file: string): boolean => file.startsWith('a_')
    const rule = { keep: 1, days: 30, now: new Date('2026-04-10'), owns }
    expect(await backups.retain(rule, never)).toEqual(['a_2.dump'])
    const left = keysThere().map((key) => key.slice('billing/production/'.length))
    expect(left).toEqual([
      'a_1.dump.json',
      'a_1.dump/toc.dat',
      'a_3.dump.json',
      'a_3.dump/toc.dat',
      'b_1.dump.json',
      'b_1.dump/toc.dat',
      'somebody-elses.dump/toc.dat',
      'somebody-elses.txt',
      'young.dump.begun',
      'young.dump/toc.dat',
    ])
    expect([...s3.bucket.uploads.keys()]).toEqual(othersUploads)
  })

  it('survive a storage that is busy for a moment, and say what is wrong with one that stays away', async () => {
    let busy = 2
    s3.before = () => {
      if ((busy -= 1) >= 0) throw new S3Problem(503, 'SlowDown', 'Please reduce your request rate.')
    }
    expect((await backups.list(never)).length).toBeGreaterThan(0)
    s3.before = quiet
    const at = (where: string, s3Settings: { endpoint?: string; region?: string }) =>
      openBackups({
        url: new Sensitive(url),
        ...backupPlace(
          where,
          { region: 'eu-central-1', endpoint: s3.url, forcePathStyle: true, ...s3Settings },
          directory,
        ),
      })
    await expect(at('s3://elsewhere', {}).list(never)).rejects.toMatchObject({ code: 'storage_missing' })
    await expect(at(location, { region: 'us-east-1' }).list(never)).rejects.toMatchObject({ code: 'storage_region' })
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another-secret')
    const denied: unknown = await at(location, {})
      .list(never)
      .catch((thrown: unknown) => thrown)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', keys.secretAccessKey)
    expect(denied).toMatchObject({ code: 'storage_denied', hint: expect.stringContaining('s3:PutObject') })
    expect(JSON.stringify(denied) + String(denied)).not.toContain('another-secret')
    await expect(at(location, { endpoint: 'http://127.0.0.1:1' }).list(never)).rejects.toMatchObject({
      code: 'storage_unreachable',
      transient: true,
    })
  })
})
