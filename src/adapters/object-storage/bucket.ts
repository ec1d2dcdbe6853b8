import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type * as Sdk from '@aws-sdk/client-s3'
import type { StorageCredentials } from '../../config/environment/environment.ts'
import { explainS3 } from './errors.ts'

export interface S3Location {
  readonly bucket: string
  /** The prefix of every key, without slashes at its ends; it may be empty. */
  readonly prefix: string
  /** The region; undefined for that of the environment (AWS_REGION), else us-east-1. */
  readonly region: string | undefined
  /** The address of a storage that is not Amazon's. */
  readonly endpoint: string | undefined
  readonly forcePathStyle: boolean
  /** Undefined where the SDK finds some itself: a role, a profile, the environment. */
  readonly credentials?: StorageCredentials | undefined
}

export interface StoredObject {
  readonly key: string
  readonly bytes: number
  readonly modified: Date
}

const connectLimitMs = 10_000
const usual = { silenceMs: 60_000, attempts: 5 }
/** The size of a part. S3 takes no smaller one than 5 MiB, and 10,000 of them make an object. */
const partBytes = 8 * 1024 * 1024
const mostParts = 9_000
const partsAtOnce = 3
const cleanUpLimitMs = 30_000

interface Call {
  readonly sdk: typeof Sdk
  readonly client: Sdk.S3Client
  readonly options: { readonly abortSignal: AbortSignal }
}

/** The few operations of S3 that backups need. */
export class S3Bucket {
  readonly location: S3Location
  readonly #limits: typeof usual
  #open: Promise<{ readonly sdk: typeof Sdk; readonly client: Sdk.S3Client }> | undefined

  constructor(location: S3Location, limits: typeof usual = usual) {
    this.location = location
    this.#limits = limits
  }

  /**
   * Loads the SDK when it is first needed: it takes half a second and 25 MB that most installations have no use for.
   */
  async #opened() {
    const { location } = this
    const sdk = await import('@aws-sdk/client-s3')
    const client = new sdk.S3Client({
      region: location.region ?? process.env['AWS_REGION'] ?? 'us-east-1',
      ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
      forcePathStyle: location.forcePathStyle,
      ...(location.credentials === undefined ? {} : { credentials: revealed(location.credentials) }),
      maxAttempts: this.#limits.attempts,
      // The SDK's own `requestTimeout` would count the transfer of a whole file, and only warn.
      requestHandler: { connectionTimeout: connectLimitMs, socketTimeout: this.#limits.silenceMs },
      // The signature of each request covers the SHA-256 of its body; storages older than the SDK's newer checksums
      // refuse those.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
    return { sdk, client }
  }

  /** Lists every object whose key begins so. */
  async list(prefix: string, signal: AbortSignal): Promise<readonly StoredObject[]> {
    const found: StoredObject[] = []
    for (let token: string | undefined; ;) {
      const page = await this.#try(`listing ${prefix}`, signal, (s3) =>
        s3.client.send(
          new s3.sdk.ListObjectsV2Command({ ...this.#bucket, Prefix: prefix, ContinuationToken: token }),
          s3.options,
        ),
      )
      for (const { Key: key, Size: bytes, LastModified: modified } of page.Contents ?? [])
        if (key !== undefined) found.push({ key, bytes: bytes ?? 0, modified: modified ?? new Date(0) })
      if (page.IsTruncated !== true) return found
      token = page.NextContinuationToken
    }
  }

  /** Reads an object as text; undefined when there is none. */
  async text(key: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#try(`reading ${key}`, signal, async (s3) => {
      try {
        const answer = await s3.client.send(new s3.sdk.GetObjectCommand({ ...this.#bucket, Key: key }), s3.options)
        return (await answer.Body?.transformToString()) ?? ''
      } catch (error) {
        if (error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound')) return undefined
        throw error
      }
    })
  }

  async read(key: string, signal: AbortSignal): Promise<Readable> {
    const doing = `reading ${key}`
    const body = await this.#try(doing, signal, async (s3) => {
      const answer = await s3.client.send(new s3.sdk.GetObjectCommand({ ...this.#bucket, Key: key }), s3.options)
      return answer.Body as Readable
    })
    return Readable.from(this.#explained(body, doing, signal), { objectMode: false })
  }

  /**
   * Hands the body on. That it breaks off in the middle is the storage's trouble too, and no damage to what is read.
   */
  async *#explained(body: Readable, doing: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      yield* body as AsyncIterable<Buffer>
    } catch (error) {
      signal.throwIfAborted()
      throw explainS3(`${doing} in s3://${this.location.bucket}`, error)
    }
  }

  async write(key: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#try(`writing ${key}`, signal, (s3) =>
      s3.client.send(
        new s3.sdk.PutObjectCommand({ ...this.#bucket, Key: key, Body: text, ContentType: 'application/json' }),
        s3.options,
      ),
    )
  }

  /** Uploads in parts as soon as the file is larger than one; in memory there are never more than a few of them. */
  async upload(key: string, path: string, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const { size } = await stat(path)
    await this.#try(`writing ${key}`, signal, async (s3) => {
      const { Upload } = await import('@aws-sdk/lib-storage')
      const stop = new AbortController()
      const abort = (): void => stop.abort()
      signal.addEventListener('abort', abort, { once: true })
      const body = createReadStream(path)
      try {
        const upload = new Upload({
          client: s3.client,
          params: { ...this.#bucket, Key: key, Body: body },
          partSize: Math.max(partBytes, Math.ceil(size / mostParts)),
          queueSize: partsAtOnce,
          abortController: stop,
        })
        upload.on('httpUploadProgress', ({ loaded }) => onSent(loaded ?? 0))
        await upload.done()
      } catch (error) {
        // The SDK gives an aborted upload up before it has told the storage so.
        await this.abortUploads(key, AbortSignal.timeout(cleanUpLimitMs)).catch(() => {})
        throw error
      } finally {
        signal.removeEventListener('abort', abort)
        body.destroy()
      }
    })
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    await this.#try(`removing ${key}`, signal, (s3) =>
      s3.client.send(new s3.sdk.DeleteObjectCommand({ ...this.#bucket, Key: key }), s3.options),
    )
  }

  /** Aborts uploads that were never completed: their parts are invisible, and cost money until somebody does so. */
  async abortUploads(prefix: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const page = await this.#try(`looking for broken-off uploads below ${prefix}`, signal, (s3) =>
        s3.client.send(new s3.sdk.ListMultipartUploadsCommand({ ...this.#bucket, Prefix: prefix }), s3.options),
      )
      const found = page.Uploads ?? []
      for (const { Key: key, UploadId: id } of found)
        await this.#try(`aborting a broken-off upload of ${key}`, signal, (s3) =>
          s3.client.send(
            new s3.sdk.AbortMultipartUploadCommand({ ...this.#bucket, Key: key, UploadId: id }),
            s3.options,
          ),
        )
      if (page.IsTruncated !== true || found.length === 0) return
    }
  }

  get #bucket() {
    return { Bucket: this.location.bucket }
  }

  async #try<T>(doing: string, signal: AbortSignal, work: (s3: Call) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await work({ ...(await (this.#open ??= this.#opened())), options: { abortSignal: signal } })
    } catch (error) {
      signal.throwIfAborted()
      throw explainS3(`${doing} in s3://${this.location.bucket}`, error)
    }
  }
}

function revealed({ accessKeyId, secretAccessKey, sessionToken }: StorageCredentials) {
  return {
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
  }
}
