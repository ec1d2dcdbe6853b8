/**
 * Makes of a question that costs something one for all who ask at once. Whoever comes while it is under way gets the
 * answer of the next one, not of this: what changed before they asked must be in it. A hundred askers make two questions.
 */
export function sharedQuestion<T>(
  ask: (withinMs: number) => Promise<T>,
  limitMs: number,
): (withinMs: number) => Promise<T> {
  let running: Promise<unknown> | undefined
  let next: Promise<T> | undefined
  const begin = async (): Promise<T> => {
    await running?.catch(() => undefined)
    next = undefined
    const answer = ask(limitMs)
    running = answer
    try {
      return await answer
    } finally {
      if (running === answer) running = undefined
    }
  }
  return (withinMs) => {
    next ??= begin()
    return within(next, withinMs)
  }
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, limit])
  } finally {
    clearTimeout(timer)
  }
}
