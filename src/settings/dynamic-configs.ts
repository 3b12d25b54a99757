/**
 * What was set on brokers while they ran (AlterConfigs on the resource type BROKER, KIP-226): texts in Kafka's names,
 * by the broker's id, or by '' for all brokers. The catalogue keeps them; `dynamic-settings.ts` makes settings of them.
 */
export type BrokerConfigs = ReadonlyMap<string, Readonly<Record<string, string>>>

/** The key of what is set for all brokers. */
export const allBrokers = ''
