import { ClusterError } from './errors.ts'

/** The API server records under this name which fields Purser has set. */
export const fieldManager = 'purser'

/**
 * Tells who has set the fields that an apply was refused for. Undefined when the error is no conflict between field
 * managers.
 */
export function conflictingManagers(error: unknown): string[] | undefined {
  if (!(error instanceof ClusterError) || error.status !== 409 || error.reason !== 'Conflict') return undefined
  const managers = error.evidence
    .map((line) => /conflict with "([^"]+)"/.exec(line)?.[1])
    .filter((name) => name !== undefined)
  return managers.length === 0 ? undefined : [...new Set(managers)]
}
