import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { imageName, registryName, sameImage, sameRepository, tagOf } from '../src/image-name.ts'

const [one, other] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`]

describe('the parts of an image name', () => {
  it.each([
    ['nginx', 'docker.io', 'library/nginx', undefined, undefined],
    ['nginx:1.27', 'docker.io', 'library/nginx', '1.27', undefined],
    ['docker.io/nginx', 'docker.io', 'library/nginx', undefined, undefined],
    ['docker.io/library/nginx', 'docker.io', 'library/nginx', undefined, undefined],
    ['index.docker.io/valuecanvas/api', 'docker.io', 'valuecanvas/api', undefined, undefined],
    ['registry-1.docker.io/valuecanvas/api', 'docker.io', 'valuecanvas/api', undefined, undefined],
    ['docker.io:443/valuecanvas/api', 'docker.io', 'valuecanvas/api', undefined, undefined],
    ['valuecanvas/api:v1', 'docker.io', 'valuecanvas/api', 'v1', undefined],
    [`valuecanvas/api@${one}`, 'docker.io', 'valuecanvas/api', undefined, one],
    [`valuecanvas/api:v1@${one}`, 'docker.io', 'valuecanvas/api', 'v1', one],
    ['ghcr.io/acme/team/api:v1', 'ghcr.io', 'acme/team/api', 'v1', undefined],
    ['GHCR.io/acme/api', 'ghcr.io', 'acme/api', undefined, undefined],
    ['ghcr.io:443/acme/api:v1', 'ghcr.io', 'acme/api', 'v1', undefined],
    ['registry.internal:5000/api', 'registry.internal:5000', 'api', undefined, undefined],
    ['registry.internal:5000/api:v1', 'registry.internal:5000', 'api', 'v1', undefined],
    ['127.0.0.1:5000/valuecanvas/api', '127.0.0.1:5000', 'valuecanvas/api', undefined, undefined],
    ['127.0.0.1:80/api', '127.0.0.1', 'api', undefined, undefined],
    ['127.0.0.1:443/api', '127.0.0.1:443', 'api', undefined, undefined],
    ['registry.internal:80/api', 'registry.internal:80', 'api', undefined, undefined],
    ['localhost/api', 'localhost', 'api', undefined, undefined],
    ['[::1]:5000/api', '[::1]:5000', 'api', undefined, undefined],
    [' valuecanvas/api:v1\n', 'docker.io', 'valuecanvas/api', 'v1', undefined],
  ])('%s', (text, registry, path, tag, digest) => {
    expect(imageName(text)).toEqual({ registry, path, tag, digest })
  })

  it('are read from any text, the same for what they are written as', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { registry, path, tag, digest } = imageName(text)
        expect(registryName(registry)).toBe(registry)
        expect([tag, digest].every((part) => part === undefined || !part.includes('@'))).toBe(true)
        expect(sameRepository(text, text)).toBe(true)
        // A host such as `A` is one by its capital letter alone, and is a folder of Docker Hub when it is written small.
        const isHost = /[.:]|^localhost$/.test(registry)
        if (isHost && /^[a-z/]+$/.test(path)) expect(sameRepository(text, `${registry}/${path}`)).toBe(true)
      }),
    )
  })
})

describe('two spellings of one repository', () => {
  const spellings = [
    'valuecanvas/api',
    'docker.io/valuecanvas/api',
    'index.docker.io/valuecanvas/api',
    'registry-1.docker.io/valuecanvas/api',
    'Docker.io/valuecanvas/api',
    'docker.io:443/valuecanvas/api',
    'valuecanvas/api:v1.1.0',
    `docker.io/valuecanvas/api:v1.1.0@${one}`,
  ]
  it.each(spellings)('%s', (spelling) => {
    for (const another of spellings) expect(sameRepository(spelling, another)).toBe(true)
  })

  it.each([
    ['valuecanvas/api', 'valuecanvas/apis'],
    ['valuecanvas/api', 'ghcr.io/valuecanvas/api'],
    ['valuecanvas/api', 'api'],
    ['valuecanvas/api', 'docker.io.example.com/valuecanvas/api'],
    ['127.0.0.1:5000/api', '127.0.0.1:5001/api'],
    ['registry.internal/api', 'registry.internal:5000/api'],
    ['ghcr.io/acme/api', 'ghcr.io/acme/API'],
  ])('%s and %s are two', (a, b) => {
    expect(sameRepository(a, b)).toBe(false)
  })
})

describe('two names of one image', () => {
  it.each([
    [`valuecanvas/api@${one}`, `docker.io/valuecanvas/api@${one}`],
    [`valuecanvas/api:v1@${one}`, `valuecanvas/api@${one}`],
    [`valuecanvas/api:v1@${one}`, `index.docker.io/valuecanvas/api:v2@${one}`],
    ['valuecanvas/api:v1', 'docker.io/valuecanvas/api:v1'],
    ['nginx', 'docker.io/library/nginx:latest'],
    ['GHCR.IO/acme/api:v1', 'ghcr.io:443/acme/api:v1'],
    ['', ''],
  ])('%s is %s', (a, b) => {
    expect(sameImage(a, b)).toBe(true)
    expect(sameImage(b, a)).toBe(true)
  })

  it.each([
    [`valuecanvas/api@${one}`, `valuecanvas/api@${other}`],
    [`valuecanvas/api:v1@${one}`, `valuecanvas/api:v1@${other}`],
    [`valuecanvas/api@${one}`, `other/api@${one}`],
    // Only the registry knows what a tag names.
    [`valuecanvas/api:v1@${one}`, 'valuecanvas/api:v1'],
    ['valuecanvas/api:v1', 'valuecanvas/api:V1'],
    ['valuecanvas/api:v1', 'valuecanvas/api'],
    ['nothing', ''],
  ])('%s is not %s', (a, b) => {
    expect(sameImage(a, b)).toBe(false)
    expect(sameImage(b, a)).toBe(false)
  })
})

describe('the tag of an image', () => {
  it.each([
    ['valuecanvas/api:v1.1.0', 'v1.1.0'],
    ['127.0.0.1:5000/valuecanvas/api', undefined],
    ['127.0.0.1:5000/valuecanvas/api:v1', 'v1'],
    // A digest may be of another image than the tag by now.
    [`valuecanvas/api:v1.1.0@${one}`, undefined],
    ['valuecanvas/api', undefined],
  ])('%s: %s', (image, tag) => {
    expect(tagOf(image)).toBe(tag)
  })
})
