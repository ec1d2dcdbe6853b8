/**
 * Returns when a phase is stopped: at twice its budget, and at least five minutes after it. That it is late is shown
 * before.
 */
export function phaseLimitMinutes(budgetMinutes: number): number {
  return Math.max(budgetMinutes * 2, budgetMinutes + 5)
}
