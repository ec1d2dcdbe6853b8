import { fragmentLength, secretsIn, shortestSecret } from './forms.ts'

/**
 * Says what keeps a secret from being masked well, in sentences that follow its name; none of them tells the secret. `words` are those
 * of the configuration.
 */
export function weaknessesOf(value: string, words: readonly string[]): readonly string[] {
  return [...new Set(secretsIn(value).flatMap((secret) => weaknessOf(secret, words) ?? []))]
}

function weaknessOf(secret: string, words: readonly string[]): string | undefined {
  if (secret.length < shortestSecret) return `has fewer than ${shortestSecret} characters: it isn't masked on its own`
  const small = secret.toLowerCase()
  if (words.some((word) => word.toLowerCase() === small))
    return 'is a word of the configuration: that word is masked wherever people read it'
  if (/^\p{L}+$/u.test(secret)) return 'is a plain word: that word is masked wherever people read it'
  const inside = words.find((word) => word.length >= fragmentLength && small.includes(word.toLowerCase()))
  if (inside !== undefined)
    return `has a word of the configuration in it (${inside}): that part is shown where a text was cut`
  return secret.length < fragmentLength
    ? `has fewer than ${fragmentLength} characters: it is masked whole only, not where a text was cut`
    : undefined
}
