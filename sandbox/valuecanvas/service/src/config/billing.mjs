/** Days that a customer keeps the plan after a payment failed. */
export const gracePeriodDays = 7
export const maxAttempts = 5
/** Minutes until the n-th try (from 1) of an event is repeated. */
export const retryDelayMinutes = (attempt) => Math.min(60, 2 ** (attempt - 1))
export const signatureToleranceSeconds = 300

/** Two secrets, comma-separated, overlap while the endpoint's secret is being changed. */
export function webhookSecrets(value) {
  return (value ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean)
}
