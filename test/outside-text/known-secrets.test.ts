import { describe, expect, it } from 'vitest'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { weaknessesOf } from '../../src/outside-text/weak-secrets.ts'
import { Sensitive } from '../../src/sensitive.ts'

const token = (at: number) => `turning-token-${at}-${'x'.repeat(12)}`

describe('a secret that is learned later', () => {
  it('is known to every mask that was made before', () => {
    const known = new KnownSecrets()
    const mask = maskOf(known)
    expect(mask('login with correct-horse-battery')).toBe('login with correct-horse-battery')
    known.learn(new Sensitive('correct-horse-battery'))
    expect(mask('login with correct-horse-battery')).toBe('login with [masked]')
  })

  it('that is renewed is known with the two before it, and older ones no more', () => {
    const known = new KnownSecrets()
    for (let at = 1; at <= 4; at += 1) known.learnRenewed('the cluster', new Sensitive(token(at)))
    known.learnRenewed('the registry', new Sensitive(token(9)))
    const mask = maskOf(known)
    for (const at of [2, 3, 4, 9]) expect(mask(token(at))).toBe('[masked]')
    // Of its own form nothing is left but what it has in common with the others.
    expect(mask(`${token(1)}.`)).not.toBe('[masked].')
  })
})

describe('a word of the configuration', () => {
  const known = new KnownSecrets([new Sensitive('production-2024-Xy7'), new Sensitive('valuecanvas-api')])
  known.exceptWords(['production', 'valuecanvas-api'])
  const mask = maskOf(known)

  it('stays readable although it is a part of a secret', () => {
    expect(mask('deploying to production')).toBe('deploying to production')
    expect(mask('login with production-2024-Xy7 refused')).toBe('login with [masked] refused')
    expect(mask('cut: production-2024')).toBe('cut: pro[masked]')
  })

  it('is masked where people read it when it is the whole secret', () => {
    expect(mask('the service valuecanvas-api')).toBe('the service [masked]')
  })
})

describe('what keeps a secret from being masked well', () => {
  const words = ['production', 'valuecanvas-api', 'app']
  it.each([
    ['abc', [/fewer than 6 characters: it isn't masked/]],
    ['Xy7-Kq2', [/fewer than 8 characters: it is masked whole only/]],
    ['swordfish', [/is a plain word/]],
    ['Production', [/is a word of the configuration/]],
    ['postgres://app:production@db/billing', [/is a word of the configuration/]],
    ['my-production-2024', [/has a word of the configuration in it \(production\)/]],
    ['postgres://app@db/billing', []],
    ['correct-horse-battery-9', []],
    ['sk_live_51AbCdEfGhIjKl', []],
  ])('%s', (value, expected) => {
    const said = weaknessesOf(value, words)
    expect(said).toHaveLength(expected.length)
    for (const [at, pattern] of expected.entries()) expect(said[at]).toMatch(pattern)
  })
})
