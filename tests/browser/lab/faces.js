/**
 * For pictures that people look at: in place of the flat colour a head and shoulders before a room, so that screenshots
 * show how the page looks with people in it. Runs in the page, after the lab.
 */
export const FACES = String((index) => {
  const SKIN = ['#e8b796', '#8d5a3c', '#d9a066', '#f0c8a8'];
  const SHIRT = ['#2f5d62', '#b5533c', '#3d4f7c', '#6b705c'];
  const HAIR = ['#3b2618', '#17110d', '#5a3a1c', '#a8763e'];
  const WALL = [['#dfe6e1', '#a9b8b0'], ['#39424e', '#20262e'], ['#e9dccb', '#c0a98c'], ['#cfd8e3', '#8fa1b8']];

  function person() {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const brush = canvas.getContext('2d');
    const of = (list) => list[index % list.length];
    let t = index * 40;
    const draw = () => {
      t += 1;
      const wall = brush.createLinearGradient(0, 0, 1280, 720);
      wall.addColorStop(0, of(WALL)[0]);
      wall.addColorStop(1, of(WALL)[1]);
      brush.fillStyle = wall;
      brush.fillRect(0, 0, 1280, 720);
      brush.fillStyle = 'rgb(255 255 255 / 18%)';
      brush.fillRect(140 + index * 90, 90, 260, 330);
      const [x, y] = [640 + 14 * Math.sin(t / 20), 350 + 6 * Math.sin(t / 13)];
      brush.fillStyle = of(SHIRT);
      brush.beginPath();
      brush.ellipse(x, 760, 330, 270, 0, 0, 7);
      brush.fill();
      brush.fillStyle = of(SKIN);
      brush.fillRect(x - 55, y + 90, 110, 120);
      brush.fillStyle = of(HAIR);
      brush.beginPath();
      brush.ellipse(x, y - 40, 158, 178, 0, 0, 7);
      brush.fill();
      brush.fillStyle = of(SKIN);
      brush.beginPath();
      brush.ellipse(x, y, 130, 165, 0, 0, 7);
      brush.fill();
      brush.fillStyle = '#20160f';
      for (const side of [-48, 48]) {
        brush.beginPath();
        brush.ellipse(x + side, y - 15, 11, t % 60 < 3 ? 2 : 13, 0, 0, 7);
        brush.fill();
      }
      brush.lineWidth = 7;
      brush.strokeStyle = '#7c3b2c';
      brush.beginPath();
      brush.arc(x, y + 45, 45, 0.35, Math.PI - 0.35);
      brush.stroke();
    };
    draw();
    setInterval(draw, 1000 / 15);
    return canvas.captureStream(15).getVideoTracks()[0];
  }

  function slides() {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1920, height: 1080 });
    const brush = canvas.getContext('2d');
    let t = 0;
    const draw = () => {
      t += 1;
      brush.fillStyle = '#fbfaf7';
      brush.fillRect(0, 0, 1920, 1080);
      brush.fillStyle = '#1d2b2a';
      brush.font = '600 76px sans-serif';
      brush.fillText('Third quarter, in three numbers', 130, 190);
      brush.font = '40px sans-serif';
      ['Calls a day: 41,200, up by a third', 'Median join time: 0.6 s', 'Calls that lost someone: 1 in 900'].forEach((line, n) => brush.fillText(`•  ${line}`, 150, 330 + n * 86));
      [180, 240, 220, 310, 350, 420].forEach((height, n) => {
        brush.fillStyle = n === 5 ? '#0f766e' : '#a7c7c2';
        brush.fillRect(150 + n * 190, 1000 - height, 130, height);
      });
      brush.fillStyle = t % 30 < 15 ? '#0f766e' : '#fbfaf7';
      brush.fillRect(1800, 1000, 20, 20);
    };
    draw();
    setInterval(draw, 1000 / 15);
    return canvas.captureStream(15).getVideoTracks()[0];
  }

  // One speaks, the others listen.
  window.lab.loudness = index === 1 ? 1 : 0;
  const lab = navigator.mediaDevices.getUserMedia;
  Object.defineProperties(MediaDevices.prototype, {
    getUserMedia: {
      configurable: true,
      async value(wishes = {}) {
        const stream = await lab.call(navigator.mediaDevices, wishes);
        return wishes.video ? new MediaStream([...stream.getAudioTracks(), person()]) : stream;
      },
    },
    getDisplayMedia: { configurable: true, value: async () => new MediaStream([slides()]) },
  });
});
