import { createMask } from '../masking.ts'
import type { Sensitive } from '../sensitive.ts'

/** A mask that knows a secret's new value from the moment on at which Purser has it, and its former ones as well. */
export function liveMask(secrets: readonly Sensitive[]): (text: string) => string {
  const count = () => secrets.reduce((sum, { values }) => sum + values.length, 0)
  let known = count()
  let mask = createMask(secrets)
  return (text) => {
    const now = count()
    if (now !== known) {
      known = now
      mask = createMask(secrets)
    }
    return mask(text)
  }
}
