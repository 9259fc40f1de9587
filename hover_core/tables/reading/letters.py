"""Which letters languages write with, and which characters are common: evidence for how bytes are to be read."""

from __future__ import annotations

from typing import Final

# Letters outside ASCII, and how often tables in that language come in a code page (1: as often as any).
LATIN: Final[dict[str, tuple[str, float]]] = {
    "French": ("éèêàâçôîûùëïüœæÿ", 1.0),
    "German": ("äöüß", 1.0),
    "Spanish": ("áéíñóúü", 1.0),
    "Portuguese": ("ãáàâçéêíóôõúü", 1.0),
    "Italian": ("àèéìòù", 0.97),
    "Dutch": ("éëïèöüê", 0.9),
    "Swedish": ("åäöé", 1.0),
    "Danish": ("æøåé", 1.0),
    "Icelandic": ("áðéíóúýþæö", 0.9),
    "Catalan": ("àçèéíïòóúü", 0.9),
    "Polish": ("ąćęłńóśźż", 1.0),
    "Czech": ("áčďéěíňóřšťúůýž", 1.0),
    "Slovak": ("áäčďéíĺľňóôŕšťúýž", 0.9),
    "Hungarian": ("áéíóöőúüű", 1.0),
    "Romanian": ("ăâîșțşţ", 0.97),
    "Croatian": ("čćđšž", 0.97),
    "Turkish": ("çğıöşüâîû", 0.95),
    "Lithuanian": ("ąčęėįšųūž", 0.9),
    "Latvian": ("āčēģīķļņšūž", 0.9),
    "Estonian": ("äõöüšž", 0.9),
    "Albanian": ("çë", 0.8),
}
CYRILLIC: Final = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўјљњћђџ"  # the most frequent first
GREEK: Final = "αοιετσνηυρπκμλωδγχθφβξζψςάέήίόύώϊϋ"

HANGUL: Final = frozenset(
    "이다의에는을를은가고하지기도로자서사리어한나시대아들인정해그것있수부일전보라구스제장주상원공동만여성국위안과조트오선신우소비생"
    "미경마거문세실요연모드면관물래유발개양결입치속천말디음식형계분무내살명방바없할데새등달간청재중진적또울강람꿩까치뻐꾸참닭돼호랑늑여"
    "매미귀뚜라웃박수차배철종벨북악람물파빗번천둥잡담배경기타닭쥐곰곤충제비학두루꾀꼬직박구올빼부엉딱따저검은"
)
HAN: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日月水火山东西南北男女老高长白黑红黄绿蓝灰"
    "鸟狗猫鸡鸭鹅马牛羊猪虎狼熊雀燕鹰雁鹤鸦鹊莺鸽枭鹭鸥蛙虫蝉蟋蟀声音叫鸣啼吠雨风雷电海河浪车船门铃笛钟歌唱笑哭说话孩静噪其他未知背景名标签"
    "鳥貓雞鴨鵝馬這個們來時會過學國對聲車門說話為與東長風電鷹鶴鴉鵲鶯鴿蟲蟬"
    "犬猫鳥鳴声音鶏豚馬蛙虫蝉雀烏鳩鷹鷺鶯燕雨風雷海川波車電話笑泣歌楽太鼓鈴背景雑無不明男性女供子"
)
KANA: Final = frozenset(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC]))
FINE_MARKS: Final = frozenset("’‘“”„–—…·°«»©®±×€£§•¿¡、。，！？：；（）「」『』・〜\xa0")
