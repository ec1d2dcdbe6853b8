/** The API server records under this name which fields Purser has set. */
export const fieldManager = 'purser'
