import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import type { ImageRegistry } from '../../src/adapters/registry/port.ts'

export interface RegistryUnderTest {
  /** `127.0.0.1:5000/valuecanvas/api` */
  readonly repository: string
  /** A tag that is there. */
  readonly tag: string
  /** What the tag names, when known beforehand. */
  readonly digest?: string
  close(): Promise<void>
}

/** What Purser expects of an image registry that lets it read without credentials. Changes nothing there. */
export function registryContract(name: string, open: () => Promise<RegistryUnderTest>): void {
  describe(`an image registry (${name})`, () => {
    const signal = AbortSignal.timeout(60_000)
    let subject: RegistryUnderTest
    let registry: ImageRegistry

    beforeAll(async () => {
      subject = await open()
      registry = openRegistry()
    })
    afterAll(() => subject.close())

    it('tells the digest and the platforms of a tag', async () => {
      const image = await registry.resolve(subject.repository, subject.tag, signal)
      expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(image.digest).toBe(subject.digest ?? image.digest)
      expect(image.platforms.length).toBeGreaterThan(0)
      for (const platform of image.platforms) expect(platform).toMatch(/^[a-z]+\/\w+/)
      expect(image.platforms).not.toContain('unknown/unknown')
    })

    it('finds the same image again by its digest', async () => {
      const byTag = await registry.resolve(subject.repository, subject.tag, signal)
      const byDigest = await registry.resolve(subject.repository, byTag.digest, signal)
      expect(byDigest).toEqual(byTag)
    })

    it('says which tags there are when the wanted one is not', async () => {
      const missing = registry.resolve(subject.repository, `${subject.tag}x`, signal)
      await expect(missing).rejects.toMatchObject({
        code: 'image_not_found',
        transient: false,
        hint: expect.stringContaining(subject.tag),
      })
    })

    it('does not find a repository that does not exist', async () => {
      const missing = registry.resolve(`${subject.repository}-no-such-thing`, subject.tag, signal)
      await expect(missing).rejects.toMatchObject({ code: expect.stringMatching(/^image_(not_found|access_denied)$/) })
    })
  })
}
