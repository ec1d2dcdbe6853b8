import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { S3Bucket } from '../../src/adapters/object-storage/bucket.ts'
import { type S3Simulator, startS3 } from '../../sandbox/s3/server.ts'

const never = new AbortController().signal
const quiet = (): void => {}

/** On the storage that TEST_S3_ENDPOINT names (TEST_S3_BUCKET exists; credentials as AWS_ACCESS_KEY_ID says), else on the sandbox's. */
describe('a bucket', () => {
  const endpoint = process.env['TEST_S3_ENDPOINT']
  const prefix = `purser-test-${randomBytes(4).toString('hex')}`
  let simulator: S3Simulator | undefined
  let directory: string
  let bucket: S3Bucket

  beforeAll(async () => {
    const name = process.env['TEST_S3_BUCKET'] ?? 'backups'
    const region = process.env['TEST_S3_REGION'] ?? 'us-east-1'
    if (endpoint === undefined) {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDSANDBOX')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'sandbox')
      const keys = { accessKeyId: 'AKIDSANDBOX', secretAccessKey: 'sandbox' }
      simulator = await startS3({ ...keys, region, bucket: name, pageSize: 2 })
    }
    bucket = new S3Bucket({ bucket: name, prefix, region, endpoint: endpoint ?? simulator?.url, forcePathStyle: true })
    directory = await mkdtemp(join(tmpdir(), 'purser-bucket-'))
  })
  afterAll(async () => {
    for (const { key } of await bucket.list(prefix, never)) await bucket.remove(key, never)
    vi.unstubAllEnvs()
    await simulator?.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('keeps what is written, in parts when it is large, and lists it all', async () => {
    const content = randomBytes(17 * 1024 * 1024)
    await writeFile(join(directory, 'large'), content)
    await writeFile(join(directory, 'empty'), '')
    const sent: number[] = []
    await bucket.upload(`${prefix}/d/large`, join(directory, 'large'), (bytes) => sent.push(bytes), never)
    await bucket.upload(`${prefix}/d/empty`, join(directory, 'empty'), quiet, never)
    await bucket.write(`${prefix}/d ü+&.json`, '{"é": "<&>"}', never)
    const listed = await bucket.list(`${prefix}/`, never)
    expect(listed.map(({ key, bytes }) => `${key.slice(prefix.length)} ${bytes}`).sort()).toEqual([
      '/d ü+&.json 13',
      '/d/empty 0',
      `/d/large ${content.length}`,
    ])
    expect(Math.abs(Date.now() - (listed[0]?.modified.getTime() ?? 0))).toBeLessThan(60_000)
    expect((await buffer(await bucket.read(`${prefix}/d/large`, never))).equals(content)).toBe(true)
    expect(await bucket.text(`${prefix}/d ü+&.json`, never)).toBe('{"é": "<&>"}')
    expect(sent.at(-1)).toBe(content.length)
  })

  it('says that something is not there, and takes a removal of it', async () => {
    expect(await bucket.text(`${prefix}/nothing`, never)).toBeUndefined()
    await expect(bucket.read(`${prefix}/nothing`, never)).rejects.toMatchObject({ code: 'backup_damaged' })
    await bucket.write(`${prefix}/x`, 'x', never)
    await bucket.remove(`${prefix}/x`, never)
    await bucket.remove(`${prefix}/x`, never)
    expect((await bucket.list(`${prefix}/x`, never)).length).toBe(0)
  })

  it('that falls silent in the middle of an answer, or never gives one, is away for a while and not damaged', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDSANDBOX')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'sandbox')
    const silent = createServer((request, response) => {
      if (request.url?.includes('never')) return
      response.writeHead(200, { 'content-length': '1000' })
      response.write('half')
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const at = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const one = { bucket: 'backups', prefix: '', region: 'us-east-1', endpoint: at, forcePathStyle: true }
    const away = new S3Bucket(one, { silenceMs: 100, attempts: 1 })
    const gone = { code: 'storage_unreachable', transient: true }
    try {
      await expect(away.read('x', never).then(buffer)).rejects.toMatchObject(gone)
      await expect(away.read('never', never)).rejects.toMatchObject(gone)
    } finally {
      silent.closeAllConnections()
      await new Promise((resolve) => silent.close(resolve))
    }
  })

  it('shows nothing of an upload that was cancelled, and keeps no part of it', async () => {
    await writeFile(join(directory, 'large'), randomBytes(17 * 1024 * 1024))
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    const upload = bucket.upload(`${prefix}/c`, join(directory, 'large'), () => cancel.abort(reason), cancel.signal)
    await expect(upload).rejects.toBe(reason)
    expect(await bucket.list(`${prefix}/c`, never)).toEqual([])
    await bucket.abortUploads(`${prefix}/c`, never)
    expect(simulator?.bucket.uploads.size ?? 0).toBe(0)
  })
})
