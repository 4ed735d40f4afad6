/** What is simulated where nobody says what: a home of 20 devices. As it would stand in a file. */
export const defaultScenario = {
  seed: 1,
  rooms: {
    'living-room': ['temperature', 'humidity', 'co2', 'motion', 'thermostat', 'lamp'],
    kitchen: ['temperature', 'humidity', 'motion', 'lamp', { kind: 'power', name: 'kitchen-meter' }],
    bedroom: ['temperature', 'co2', 'thermostat', 'lamp'],
    hall: [{ kind: 'door', name: 'front-door' }, { kind: 'door', name: 'back-door' }, 'motion', 'lamp', { kind: 'power', name: 'main-meter', every: '5s' }]
  }
}
