interface Placeholder {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/**
 * Finds values that the example leaves for people to fill in: `SREPLACEDEPLOYERS`, `[Phone]`. Purser would start with
 * them, refuse every deployer and call "[Phone]" in the night.
 */
export function placeholdersIn(value: unknown, path: readonly PropertyKey[] = []): readonly Placeholder[] {
  if (typeof value === 'string') {
    const empty = /REPLACE/.test(value) || (path.includes('contacts') && /^\[.*\]$/.test(value.trim()))
    return empty ? [{ path, message: `still holds the placeholder ${value}. Put your own value there` }] : []
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => placeholdersIn(item, [...path, index]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => placeholdersIn(item, [...path, key]))
}
