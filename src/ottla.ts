/** What the package `ottla` gives to a program that imports it. */
export { type BoundListener, type Broker, type BrokerOptions, openBroker as startBroker } from './broker.ts'
export { type BrokerSettings, brokerSettings } from './settings/broker-settings.ts'
