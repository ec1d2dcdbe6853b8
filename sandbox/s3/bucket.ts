import { createHash, randomBytes } from 'node:crypto'
import { S3Problem } from './problems.ts'

interface Stored {
  body: Buffer
  readonly etag: string
  modified: Date
}

interface PendingUpload {
  readonly id: string
  readonly key: string
  initiated: Date
  readonly parts: Map<number, { readonly body: Buffer; readonly etag: string }>
}

/** As S3 has it; the last part may be smaller. */
const smallestPart = 5 * 1024 * 1024

/** One bucket in memory: objects, and uploads whose parts nobody sees until they are completed. */
export class Bucket {
  readonly objects = new Map<string, Stored>()
  readonly uploads = new Map<string, PendingUpload>()

  put(key: string, body: Buffer): string {
    const etag = md5(body)
    this.objects.set(key, { body, etag, modified: new Date() })
    return etag
  }

  get(key: string): Stored {
    const found = this.objects.get(key)
    if (found === undefined) throw new S3Problem(404, 'NoSuchKey', 'The specified key does not exist.')
    return found
  }

  begin(key: string): string {
    const id = randomBytes(16).toString('hex')
    this.uploads.set(id, { id, key, initiated: new Date(), parts: new Map() })
    return id
  }

  putPart(key: string, id: string, number: number, body: Buffer): string {
    if (!(number >= 1 && number <= 10_000))
      throw new S3Problem(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
    const etag = md5(body)
    this.#upload(key, id).parts.set(number, { body, etag })
    return etag
  }

  complete(key: string, id: string, wanted: readonly { readonly number: number; readonly etag: string }[]): string {
    const { parts } = this.#upload(key, id)
    if (wanted.length === 0) throw new S3Problem(400, 'MalformedXML', 'You must specify at least one part')
    const bodies = wanted.map(({ number, etag }, index) => {
      if (number <= (wanted[index - 1]?.number ?? 0))
        throw new S3Problem(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
      const part = parts.get(number)
      if (part?.etag !== etag)
        throw new S3Problem(400, 'InvalidPart', 'One or more of the specified parts could not be found.')
      if (index < wanted.length - 1 && part.body.length < smallestPart)
        throw new S3Problem(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
      return part.body
    })
    const digests = wanted.map(({ etag }) => Buffer.from(etag, 'hex'))
    const etag = `${md5(Buffer.concat(digests))}-${wanted.length}`
    this.objects.set(key, { body: Buffer.concat(bodies), etag, modified: new Date() })
    this.uploads.delete(id)
    return etag
  }

  abort(key: string, id: string): void {
    this.#upload(key, id)
    this.uploads.delete(id)
  }

  #upload(key: string, id: string): PendingUpload {
    const found = this.uploads.get(id)
    if (found?.key !== key) throw new S3Problem(404, 'NoSuchUpload', 'The specified multipart upload does not exist.')
    return found
  }
}

function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('hex')
}
