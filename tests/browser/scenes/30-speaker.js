/** Who is loud is shown as speaking. */
export const name = 'The dominant speaker';

export async function scene(stage) {
  const people = [await stage.person(), await stage.person(), await stage.person()];
  const loud = async (speaker) => {
    for (const person of people) await person.page.evaluate((value) => { window.lab.loudness = value; }, person === speaker ? 1 : 0);
  };

  for (const speaker of people) {
    await stage.step(`${speaker.name} speaks, and everybody sees that it is ${speaker.name} alone`, async () => {
      await loud(speaker);
      for (const person of people) {
        await person.until(`${speaker.name} alone is shown as speaking`, ({ ids, id }) => ids.every((one) => {
          const tile = document.querySelector(`[data-testid="tile-${one}"]`);
          return tile?.dataset.speaking === String(one === id);
        }) && window.colloquy.room.dominantSpeaker === id, { ids: people.map(({ id }) => id), id: speaker.id });
      }
    });
  }
}
